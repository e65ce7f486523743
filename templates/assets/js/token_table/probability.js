// Writes a p or q in the same way as formats.py.

import { formats } from "../core/formats.js";

const SIGNIFICANT = 0.05;

// One significant digit, or as many as it takes to stay on its side of 0.05.
export const probability = (p, digits = 1) =>
  Number(p.toExponential(digits - 1)) < SIGNIFICANT === p < SIGNIFICANT
    ? formats.significant(p, digits)
    : probability(p, digits + 1);
