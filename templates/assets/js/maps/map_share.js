// Writes a share of attention, or the difference of two shares in percentage points.

import { formats } from "../core/formats.js";

const points = (value) => Math.abs(value) * 100;
const decimals = (value) => (points(value) >= 9.95 ? 0 : 1);

// As in a picture or a table.
const written = (map, value) =>
  map.isDifference ? formats.signed(value * 100, decimals(value)) : formats.percent(value);

// As in a sentence: "at least 12 points more".
const compared = (value, isLeast) => {
  const size = points(value).toFixed(decimals(value));
  return `${isLeast ? "at least " : ""}${size} ${size === "1.0" ? "point" : "points"} ${value < 0 ? "less" : "more"}`;
};

// A limit of differences, rounded up.
const limit = (value, n = 0) => {
  const size = (Math.ceil(points(value) * 10 ** n - 1e-9) / 10 ** n).toFixed(n);
  return `${size} percentage ${Number(size) === 1 ? "point" : "points"}`;
};

export const mapShare = { written, compared, limit };
