import assert from "node:assert";
import test from "node:test";
import { stats } from "../../templates/assets/js/document/stats.js";
import { headStats } from "../../templates/assets/js/document_views/head_stats.js";

// Two layers of two heads over three tokens, the first of them special; a code is its value in tenths.
const doc = {
  layers: 2,
  heads: 2,
  rows: 4,
  tokens: 3,
  skipped: Uint8Array.of(1, 0, 0),
  values: Float64Array.from({ length: 256 }, (_, code) => code / 10),
  codes: Uint8Array.of(9, 1, 3, 9, 3, 5, 9, 2, 2, 9, 4, 8),
};

test("layer means average the heads of a layer, token by token", () => {
  assert.deepEqual(
    [...headStats.layerMeans(doc, () => doc.values)].map((v) => v.toFixed(2)),
    ["0.90", "0.20", "0.40", "0.90", "0.30", "0.50"],
  );
});

test("head means leave special tokens out", () => {
  assert.deepEqual(
    [...stats.headMeans(doc)].map((v) => v.toFixed(2)),
    ["0.20", "0.40", "0.20", "0.60"],
  );
});

test("extremes name the first head with the highest and the lowest value", () => {
  const { highest, lowest } = stats.extremes(doc);
  assert.deepEqual([...highest], [0, 3, 3]);
  assert.deepEqual([...lowest], [0, 0, 2]);
});

test("rank correlation heeds order alone, with mid-ranks for ties, and is nothing where nothing varies", () => {
  assert.equal(headStats.spearman([1, 2, 30], [0.1, 5, 6]), 1);
  assert.equal(headStats.spearman([1, 2, 3], [3, 2, 1]), -1);
  assert.ok(Math.abs(headStats.spearman([1, 2, 2, 4], [1, 3, 2, 4]) - 0.9 / Math.sqrt(0.9)) < 1e-12);
  assert.ok(Number.isNaN(headStats.spearman([1, 1], [1, 2])));
  assert.ok(Number.isNaN(headStats.spearman([], [])));
});

test("quantiles come from sorted numbers, and nothing has quantile 0", () => {
  assert.equal(stats.quantile([5, 1, 3], 0.5), 3);
  assert.equal(stats.quantile([5, 1, 3], 1), 5);
  assert.equal(stats.quantile([], 0.5), 0);
});
