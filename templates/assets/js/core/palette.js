// Colours: one ramp for values, one colour for each pinned head. The style sheet has the other colours.

// Lightness changes in one direction, so that everybody reads the ramps alike, whatever their colour vision, and in
// grey.
const RAMPS = {
  light: ["#f5f3ec", "#d5e8d3", "#8fcbbf", "#4496b5", "#2c5d9c", "#1b2357"],
  dark: ["#1a1e26", "#213a63", "#226a92", "#3fa39d", "#a2d596", "#fdf5b4"],
};
// Okabe and Ito; the last two are changed to suit the background.
const PINS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#7f7f7f"];

// The background of a token: its channels, and how opaque it is at most, in percent.
const SHADES = { light: ["255 184 46", 62], dark: ["214 140 20", 50] };

const isDark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};

const channels = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

// 256 colours as packed little-endian RGBA, and as CSS.
const ramp = (theme) => {
  const anchors = RAMPS[theme].map(channels);
  const packed = new Uint32Array(256);
  const css = [];
  for (let i = 0; i < 256; i++) {
    const place = (i / 255) * (anchors.length - 1);
    const first = Math.min(Math.floor(place), anchors.length - 2);
    const [r, g, b] = [0, 1, 2].map((c) =>
      Math.round(anchors[first][c] + (place - first) * (anchors[first + 1][c] - anchors[first][c])),
    );
    packed[i] = (255 << 24) | (b << 16) | (g << 8) | r;
    css.push(`rgb(${r}, ${g}, ${b})`);
  }
  return { packed, css };
};

// The place of a value on the ramp, 0..255, logarithmic between low and high.
const placer = (low, high) => {
  if (!(low > 0 && high > low)) return () => 0;
  const span = Math.log(high / low);
  return (value) => (value <= low ? 0 : value >= high ? 255 : Math.round((255 * Math.log(value / low)) / span));
};

// Black or white, whichever is easier to read on a colour of the ramp.
const inkOn = (css) => {
  const [r, g, b] = css
    .match(/\d+/g)
    .map((c) => (c / 255 <= 0.04045 ? c / 3294.6 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000000" : "#ffffff";
};

const current = () => {
  const style = getComputedStyle(document.documentElement);
  const named = (name) => style.getPropertyValue(`--${name}`).trim();
  const dark = isDark();
  return {
    ...ramp(dark ? "dark" : "light"),
    dark,
    ink: named("ink"),
    muted: named("muted"),
    faint: named("faint"),
    line: named("line"),
    paper: named("paper"),
    accent: named("accent"),
    cursor: named("cursor"),
    font: getComputedStyle(document.body).fontFamily,
  };
};

export const palette = { PINS, SHADES, ramp, placer, inkOn, current, isDark };
