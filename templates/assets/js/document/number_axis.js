// Axes of numbers that grow upwards: the position of a number, labelled ticks, and a band for very small numbers.

import { late } from "../core/late.js";

const linearAxis = late("linearAxis");

const FLOOR = 1e-6;
const decade = (value) => Math.floor(Math.log10(value) + 1e-9);
const decadeName = (power) => (power < -4 ? `1e−${-power}` : String(Number((10 ** power).toPrecision(1))));

// Whole decades, with a band for values below the floor if there are any.
const logarithmic = (lowest, height, highest = 1, floor = FLOOR) => {
  const below = lowest < floor;
  const high = Math.max(0, Math.ceil(Math.log10(highest) - 1e-9));
  const low = below ? decade(floor) : Math.min(-1, decade(lowest));
  const inner = below ? height - 18 : height;
  const y = (value) =>
    value < floor && below
      ? height - 7
      : inner * Math.max(0, Math.min(1, (high - Math.log10(Math.max(value, 1e-12))) / (high - low)));
  const ticks = [];
  for (let exponent = high; exponent >= low; exponent--)
    ticks.push({ y: y(10 ** exponent), label: decadeName(exponent) });
  return { y, ticks, below: below ? inner + 4 : null };
};

// The axis of normalised numbers, from their minimum and maximum at every token. Special tokens do not set a linear
// one.
const of = (norm, scale, { min, max }, height, special) => {
  const highest = Math.max(...max);
  if (norm.linear) return linearAxis()(1, height);
  if (scale === "linear") return linearAxis()(Math.max(...max.filter((_, token) => !special[token])), height, highest);
  if (norm.name === "value") return logarithmic(Math.min(...min), height);
  const positive = min.filter((value) => value > 0);
  const least = positive.length ? Math.min(...positive) : FLOOR;
  return logarithmic(Math.min(...min), height, highest, Math.min(10 ** decade(least), 0.1));
};

export const numberAxis = { logarithmic, decade, of };
