// The mean of several heads as the map of one. A key that a head does not store counts as 0 there.

import { matrix } from "./matrix.js";

const of = (map, rows) => {
  const known = [];
  const meanOf = (query) => {
    const sums = new Map();
    for (const one of rows)
      for (const [key, value] of matrix.row(map, one, query)) sums.set(key, (sums.get(key) ?? 0) + value / rows.length);
    return [...sums].sort((a, b) => b[1] - a[1]);
  };
  return {
    rows: 1,
    tokens: map.tokens,
    row: (head, query, allows = matrix.all) => (known[query] ??= meanOf(query)).filter(([key]) => allows(query, key)),
    rest: (head, query) => rows.reduce((sum, one) => sum + matrix.rest(map, one, query), 0) / rows.length,
  };
};

export const meanMap = { of };
