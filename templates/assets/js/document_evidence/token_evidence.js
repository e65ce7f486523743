// What the prediction depends on, token by token: measures of either sign. Positive speaks for the predicted class or
// label set, or raises the predicted value.

import { palette } from "../core/palette.js";
import { codec } from "../document/codec.js";

const LABELS = { gradient: "gradient x input", without: "fall without the token" };

// Numbers of either sign, in equal steps.
const decoded = async ({ scale, codes }) =>
  Float64Array.from(new Int16Array(await codec.inflate(codes)), (code) => (code * scale) / 32767);

// From a page's payload: `signed` measures by name, each [token], and the changes of each class or label, or of the
// value, without a token. `of` is what is predicted. Special tokens are never left out: they have NaN.
const load = async ({ gradient, left_out: leftOut, fall, removal, of = "predicted class" }, tokens, special) => {
  const signed = { __proto__: null };
  if (gradient) signed.gradient = await decoded(gradient);
  if (!leftOut) return { signed, changes: null, removal, of };
  const numbers = await decoded(leftOut);
  const masked = (values) => {
    special.forEach((token) => (values[token] = NaN));
    return values;
  };
  const changes = leftOut.classes.map((number, i) => ({
    number,
    values: masked(numbers.subarray(i * tokens, (i + 1) * tokens)),
  }));
  // The predicted class comes first; a label set has a fall of its own.
  signed.without = fall ? masked(await decoded(fall)) : changes[0].values.map((change) => 0 - change);
  return { signed, changes, removal, of };
};

// Places from -1 to 1. The largest few of the counted tokens share the strongest colour.
const strengths = (numbers, skipped) => {
  const counted = Array.from(numbers, Math.abs).filter((_, token) => !skipped[token]);
  const most = counted.sort((a, b) => a - b)[Math.min(counted.length - 1, Math.floor(0.985 * counted.length))];
  return Array.from(numbers, (value) => (most ? Math.max(-1, Math.min(1, value / most)) : 0));
};

// Blue for, orange against; more opaque for what is stronger.
const colour = (strength) => palette.PINS[strength > 0 ? 0 : 1];
const background = (strength) => {
  const alpha = Math.round(Math.abs(strength) * 140);
  return alpha > 5 ? colour(strength) + alpha.toString(16).padStart(2, "0") : "";
};

// The background of every token by a measure.
const shade = ({ evidence, skipped }, measure) => {
  const places = strengths(evidence.signed[measure], skipped);
  return (token) => (skipped[token] ? "" : background(places[token]));
};

const named = ({ evidence }) => Object.keys(evidence.signed).map((name) => [name, LABELS[name]]);

export const tokenEvidence = { load, named, strengths, colour, background, shade };
