// The maps of two models of the same text: attention in the study's own model minus attention in the other.

import { matrix } from "./matrix.js";

const all = () => true;

// The most that a key can have that is not among the stored ones of a query.
const most = (map, head, query) => {
  if (map.entries >= map.tokens) return 0;
  const weakest = map.values[map.codes[(head * map.tokens + query + 1) * map.entries - 1]];
  return Math.min(weakest, matrix.rest(map, head, query));
};

// The differences of a query's keys as [key, difference, is least], largest first. Where only one model stores a key,
// its difference lies in a range: the end nearer to 0 is given, and nothing if the range holds 0.
const row = (own, other, head, query, allows = all) => {
  const [before, after] = [own, other].map((map) => new Map(matrix.row(map, head, query, allows)));
  const [mostOwn, mostOther] = [own, other].map((map) => most(map, head, query));
  const found = [];
  for (const [key, value] of before) {
    if (after.has(key)) found.push([key, value - after.get(key), false]);
    else if (value > mostOther) found.push([key, value - mostOther, mostOther > 0]);
  }
  for (const [key, value] of after)
    if (!before.has(key) && value > mostOwn) found.push([key, mostOwn - value, mostOwn > 0]);
  return found.sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
};

// Cells up to even attention are stored as 0: of a pair with one such cell, the smallest difference that is possible.
const cell = (own, other, even) => {
  if (own && other) return own - other;
  return own ? Math.max(0, own - even) : Math.min(0, even - other);
};

// A map that views draw like one of a single model; its values have signs.
const of = (own, other) => ({
  rows: own.rows,
  tokens: own.tokens,
  entries: own.entries,
  cells: own.cells,
  isDifference: true,
  row: (...at) => row(own, other, ...at),
  rest: (head, query) => matrix.rest(own, head, query) - matrix.rest(other, head, query),
  shares: (head, special) => {
    const [before, after] = [own, other].map((map) => matrix.shares(map, head, special));
    return Object.fromEntries(Object.entries(before).map(([kind, share]) => [kind, share - after[kind]]));
  },
  thumbnail: (i) =>
    own.thumbnails[i] || other.thumbnails[i]
      ? cell(own.values[own.thumbnails[i]], other.values[other.thumbnails[i]], 1 / own.cells)
      : 0,
});

export const mapDifference = { of, cell };
