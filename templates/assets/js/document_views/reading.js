// Formats the numbers of a document in the same way everywhere on its page.

import { formats } from "../core/formats.js";
import { attention } from "../document/attention.js";

// Packed numbers have an error of up to 2.8 %.
const number = (value, packed) => {
  if (packed && value === 0) return "< 1e−6";
  return `${packed ? "≈ " : ""}${formats.significant(value, packed ? 2 : 3)}`;
};

// The maximum and minimum of a token over all heads are known exactly.
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

const signed = (value) => (Number.isNaN(value) ? "–" : formats.significant(value));

// The value of a measure ("mean", ...) or a head ("5.7").
const of = (doc, measure, token) => {
  if (doc.evidence?.signed[measure]) return signed(doc.evidence.signed[measure][token]);
  const row = attention.rowOf(doc, measure);
  return row >= 0
    ? ofHead(doc, row, token)
    : number(doc.aggregates[measure][token], measure === "pinned" || doc.rough?.(token));
};

// Fills in the values of pinned rows. Without a token they are a head's mean over the counted tokens.
const fill = (places, pinned, doc, token) =>
  pinned.forEach(({ key, row }, i) => {
    places[i].textContent = token >= 0 ? of(doc, key, token) : row >= 0 ? number(doc.headMeans[row], true) : "";
  });

export const reading = { number, ofHead, of, fill };
