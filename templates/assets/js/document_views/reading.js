// Numbers of a document in words: the same wherever its page writes them.

import { formats } from "../core/formats.js";
import { attention } from "../document/attention.js";

// Packed numbers are off by up to 2.8 %.
const number = (value, packed) => {
  if (packed && value === 0) return "< 1e-6";
  return `${packed ? "≈ " : ""}${formats.significant(value, packed ? 2 : 3)}`;
};

// A head's most or least of a token over all heads is known exactly.
const exact = (doc, row, token) => {
  if (doc.lite || doc.rough?.(token)) return undefined;
  const { highest, lowest } = doc.extremes();
  return highest[token] === row
    ? doc.aggregates.max[token]
    : lowest[token] === row
      ? doc.aggregates.min[token]
      : undefined;
};

const ofHead = (doc, row, token) => {
  const known = exact(doc, row, token);
  return number(known ?? doc.value(row, token), known === undefined);
};

// Of a measure: "mean", ... or a head "5.7".
const of = (doc, measure, token) => {
  const row = attention.rowOf(doc, measure);
  return row >= 0
    ? ofHead(doc, row, token)
    : number(doc.aggregates[measure][token], measure === "pinned" || doc.rough?.(token));
};

// Places of pinned rows; without a token a head's mean over the tokens that count.
const fill = (places, pinned, doc, token) =>
  pinned.forEach(({ key, row }, i) => {
    places[i].textContent = token >= 0 ? of(doc, key, token) : row >= 0 ? number(doc.headMeans[row], true) : "";
  });

export const reading = { number, ofHead, of, fill };
