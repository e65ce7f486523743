// A colour for each head of a layer: hues in equal steps, light and dark in turn, as #rrggbb.

const channel = (value) =>
  Math.round(255 * value)
    .toString(16)
    .padStart(2, "0");

const hex = (hue, saturation, lightness) => {
  const part = (n) => {
    const k = (n + hue / 30) % 12;
    return lightness - saturation * Math.min(lightness, 1 - lightness) * Math.max(-1, Math.min(k - 3, 9 - k, 1));
  };
  return `#${[0, 8, 4].map((n) => channel(part(n))).join("")}`;
};

const of = (n, dark) =>
  Array.from({ length: n }, (_, i) => hex((210 + (i * 360) / n) % 360, 0.75, (dark ? 0.6 : 0.36) + (i % 2) * 0.14));

export const headColours = { of };
