// Colours of values on both sides of 0.

import { palette } from "../core/palette.js";

// 256 colours from that of the most negative value over the ground at 0 to that of the most positive one.
const ramp = ({ negative, paper, positive }) => {
  const [below, middle, above] = [negative, paper, positive].map(palette.channels);
  return Array.from({ length: 256 }, (_, i) => {
    const [end, share] = i < 127.5 ? [below, 1 - i / 127.5] : [above, i / 127.5 - 1];
    const mixed = middle.map((channel, c) => Math.round(channel + share * (end[c] - channel)));
    return `rgb(${mixed.join(", ")})`;
  });
};

export const diverging = { ramp };
