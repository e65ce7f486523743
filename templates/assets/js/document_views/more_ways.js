// The ways to make heads and documents comparable that the first picture does not need; see `normalise`.

import { normalise } from "../document/normalise.js";
import { headStats } from "./head_stats.js";

const { scaled, logarithmic, relative } = normalise;

export const moreWays = {
  __proto__: null,
  median: (doc) =>
    relative((row) => scaled(doc, doc.usual[row] ? 1 / doc.usual[row] : 0), "the head's median in the dataset"),
  length: (doc, [low, high]) =>
    logarithmic(
      low * doc.length,
      high * doc.length,
      () => scaled(doc, doc.length),
      `× even attention (1/${doc.length})`,
    ),
  rank: (doc) => ({
    table: (row) => headStats.shares(doc, row),
    low: 0,
    high: 1,
    unit: "rank within the head",
    linear: true,
    place: (value) => Math.round(255 * Math.max(0, Math.min(1, value))),
  }),
};
