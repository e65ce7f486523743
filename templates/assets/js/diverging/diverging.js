// Colours of values on both sides of 0: orange below, blue above, which everybody can tell apart.

const ENDS = { light: ["#d55e00", "#0072b2"], dark: ["#e6821e", "#56b4e9"] };

const channels = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

const ends = ({ dark }) => ENDS[dark ? "dark" : "light"];

// 256 colours from that of the most negative value over the ground at 0 to that of the most positive one.
const mixed = (colours) => {
  const [below, above] = ends(colours).map(channels);
  const middle = channels(colours.paper);
  return Array.from({ length: 256 }, (_, i) => {
    const [end, share] = i < 127.5 ? [below, 1 - i / 127.5] : [above, i / 127.5 - 1];
    return middle.map((channel, c) => Math.round(channel + share * (end[c] - channel)));
  });
};

const ramp = (colours) => mixed(colours).map((rgb) => `rgb(${rgb.join(", ")})`);

// The same as packed little-endian RGBA, for the pixels of a picture.
const packed = (colours) => Uint32Array.from(mixed(colours), ([r, g, b]) => (255 << 24) | (b << 16) | (g << 8) | r);

// The place of a value on the ramp, 0..255, with the colour's strength as the square root of the value up to `most`.
const placer = (most) => (value) =>
  Math.round(127.5 + 127.5 * Math.sign(value) * Math.sqrt(Math.min(1, Math.abs(value) / most)));

export const diverging = { ends, ramp, packed, placer };
