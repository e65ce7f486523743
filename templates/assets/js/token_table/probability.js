// Writes a p or q in the same way as formats.py.

import { formats } from "../core/formats.js";

const SIGNIFICANT = 0.05;

const isToldBy = (q, p) => q < SIGNIFICANT === p < SIGNIFICANT && q < 1 === p < 1;

// One significant digit, or as many as it takes to stay on its side of 0.05 and below 1.
export const probability = (p, digits = 1) =>
  isToldBy(Number(p.toExponential(digits - 1)), p) ? formats.significant(p, digits) : probability(p, digits + 1);
