// Colours of values on both sides of 0: orange below, blue above, which everybody can tell apart.

const ENDS = { light: ["#d55e00", "#0072b2"], dark: ["#e6821e", "#56b4e9"] };

const channels = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

// 256 colours from that of the most negative value over the ground at 0 to that of the most positive one.
const ramp = ({ dark, paper }) => {
  const [below, above] = ENDS[dark ? "dark" : "light"].map(channels);
  const middle = channels(paper);
  return Array.from({ length: 256 }, (_, i) => {
    const [end, share] = i < 127.5 ? [below, 1 - i / 127.5] : [above, i / 127.5 - 1];
    const mixed = middle.map((channel, c) => Math.round(channel + share * (end[c] - channel)));
    return `rgb(${mixed.join(", ")})`;
  });
};

export const diverging = { ramp };
