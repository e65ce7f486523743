// Ways to make heads and documents comparable: each turns the value of every code into another number, head by head.

import { formats } from "../core/formats.js";
import { late } from "../core/late.js";
import { palette } from "../core/palette.js";

const headStats = late("headStats");

// A relative scale runs from a sixth of what is usual to six times as much.
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
    relative((row) => scaled(doc, doc.headMeans[row] ? 1 / doc.headMeans[row] : 0), "the head’s mean here"),
  median: (doc) =>
    relative((row) => scaled(doc, doc.usual[row] ? 1 / doc.usual[row] : 0), "the head’s median in the dataset"),
  length: (doc, [low, high]) =>
    logarithmic(
      low * doc.length,
      high * doc.length,
      () => scaled(doc, doc.length),
      `× even attention (1/${doc.length})`,
    ),
  rank: (doc) => ({
    table: (row) => headStats().shares(doc, row),
    low: 0,
    high: 1,
    unit: "rank within the head",
    linear: true,
    place: (value) => Math.round(255 * Math.max(0, Math.min(1, value))),
  }),
};

// One table [code] per head, made when it is first asked for, where colours of its numbers lie on the ramp, and what to call it.
export const normalise = (doc, name, range) => {
  const way = (WAYS[name] ?? WAYS.relative)(doc, range);
  const made = [];
  const table = (row) => (made[row] ??= way.table(row));
  const number = (row, token) => table(row)[doc.codes[row * doc.tokens + token]];
  // Where the colour of every code of a head lies, found when it is first asked for: no cell takes a logarithm.
  const found = new Map();
  const places = (row) => {
    const numbers = table(row);
    if (!found.has(numbers)) {
      const places = new Uint8Array(numbers.length);
      for (let code = 0; code < places.length; code++) places[code] = way.place(numbers[code]);
      found.set(numbers, places);
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
