// Query and key vectors of one layer, and the rows of the matrices that they produce.

import { codec } from "../document/codec.js";
import { matrix } from "../maps/matrix.js";

const half = (bits) => {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const size = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
  return bits & 0x8000 ? -size : size;
};

const inflated = async (text) => new Uint8Array(await codec.inflate(text));

// Whole numbers of a head and token in steps of their scale; without scales, half precision.
const decoded = async (text, scales, size) => {
  const bytes = await inflated(text);
  if (!scales) return Float32Array.from(matrix.planes(bytes), half);
  const steps = new Float32Array((await inflated(scales)).buffer);
  return Float32Array.from(new Int8Array(bytes.buffer), (code, i) => code * steps[Math.floor(i / size)]);
};

const load = async (part) => {
  const [queries, keys] = await Promise.all([
    decoded(part.queries, part.queryScales, part.size),
    decoded(part.keys, part.keyScales, part.size),
  ]);
  return { ...part, queries, keys };
};

const vector = (vectors, all, head, token) => {
  const first = (head * vectors.tokens + token) * vectors.size;
  return all.subarray(first, first + vectors.size);
};

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

// Scaled scores of a query with every key, and their softmax over the keys that it can see; NaN and 0 for the others.
const row = (vectors, head, query) => {
  const { tokens, scale, before, after } = vectors;
  const from = vector(vectors, vectors.queries, head, query);
  const sees = (key) => query - key <= before && key - query <= after;
  const scores = Float64Array.from({ length: tokens }, (_, key) =>
    sees(key) ? scale * dot(from, vector(vectors, vectors.keys, head, key)) : NaN,
  );
  const highest = scores.reduce((a, b) => (b > a ? b : a), -Infinity);
  const weights = scores.map((score) => (Number.isNaN(score) ? 0 : Math.exp(score - highest)));
  const sum = weights.reduce((a, b) => a + b, 0);
  return { scores, weights: weights.map((weight) => weight / sum) };
};

export const vectors = {
  half,
  load,
  row,
  query: (packed, head, token) => vector(packed, packed.queries, head, token),
  key: (packed, head, token) => vector(packed, packed.keys, head, token),
};
