// Ways to make heads and documents comparable: each maps the value of every code to another number, head by head. Those
// that the first picture does not need come later.

import { formats } from "../core/formats.js";
import { late } from "../core/late.js";
import { palette } from "../core/palette.js";

const moreWays = late("moreWays");

// A relative scale spans from a sixth of the usual value to six times it.
const RELATIVE = 6;

const scaled = (doc, factor) => doc.values.map((value) => value * factor);

const logarithmic = (low, high, table, unit) => ({ table, low, high, unit, place: palette.placer(low, high) });
const relative = (table, what) => ({
  ...logarithmic(1 / RELATIVE, RELATIVE, table, `× ${what}`),
  ends: [`1/${RELATIVE}`, String(RELATIVE)],
});

const WAYS = {
  __proto__: null,
  value: (doc, [low, high]) => logarithmic(low, high, () => doc.values, ""),
  relative: (doc) =>
    relative((row) => scaled(doc, doc.headMeans[row] ? 1 / doc.headMeans[row] : 0), "the head's mean here"),
};

// One table [code] per head, computed when first needed, with its place on the colour ramp and its unit.
const normalised = (doc, name, range) => {
  const way = (WAYS[name] ?? moreWays()?.[name] ?? WAYS.relative)(doc, range);
  const made = [];
  const table = (row) => (made[row] ??= way.table(row));
  const number = (row, token) => table(row)[doc.codes[row * doc.tokens + token]];
  // The place of every code of a head on the colour ramp, computed when first needed: cells need no logarithms.
  const found = new Map();
  const places = (row) => {
    const numbers = table(row);
    if (!found.has(numbers)) {
      found.set(numbers, Uint8Array.from(numbers, way.place));
    }
    return found.get(numbers);
  };
  const placeAt = (row, token) => places(row)[doc.codes[row * doc.tokens + token]];
  return {
    ...way,
    name,
    table,
    number,
    places,
    placeAt,
    ends: way.ends ?? [way.low, way.high].map((value) => formats.significant(value)),
  };
};

export const normalise = Object.assign(normalised, { WAYS, scaled, logarithmic, relative });
