// What the details of a token say.

import { formats } from "../core/formats.js";
import { significance } from "../rows/significance.js";

const SIGNIFICANT = 0.05;

const counted = (n, noun) => `${formats.count(n)} ${noun}${n === 1 ? "" : "s"}`;

// `best` is the name of the head with the highest mean, empty where there is one head.
const occurrences = ({ count, documents, mean, std, best }) => {
  const spread = count > 1 ? `, standard deviation ${formats.significant(std, 3)}` : "";
  const highest = best ? `; of all heads, ${best} has its highest mean` : "";
  return (
    `${counted(count, "occurrence")} in ${counted(documents, "document")}; mean self-attention ` +
    `${formats.significant(mean, 3)}${spread}${highest}.`
  );
};

// Rows of the table of classes; of each, what differs from all other documents beyond chance.
const classes = (rows, labels, [noun, nouns] = ["class", "Classes"], qTooSmall = false) => {
  const use = rows.some(([, , , , , , useQ]) => useQ !== null);
  const attention = rows.some(([, , , , q]) => q !== null);
  if (!use && !attention) return `${nouns} were not compared: too few documents contain a word of this spelling.`;
  const found = rows.flatMap(([label, , , effect, q, z, useQ]) => [
    ...(useQ !== null && useQ < SIGNIFICANT ? [`${z > 0 ? "more" : "less"} use in ${labels[label]}`] : []),
    ...(q !== null && q < SIGNIFICANT ? [`${effect > 0 ? "higher" : "lower"} self-attention in ${labels[label]}`] : []),
  ]);
  const missing = use && attention ? "" : ` Its ${use ? "self-attention" : "use"} was not compared.`;
  const nowhere = use && attention ? ", neither in use nor in self-attention" : "";
  const compared = "the word of this spelling has, compared with all other documents";
  const sentence = found.length
    ? `Beyond chance (${significance.test(qTooSmall)}), ${compared}: ${found.join("; ")}.`
    : `The word of this spelling differs beyond chance (q < 0.05) in no ${noun}${nowhere}.`;
  return sentence + missing;
};

// Rows of the table of values; of each, whether the use of the word or its self-attention goes with it.
const values = (rows, names, qTooSmall = false) => {
  const use = rows.some(([, , , , , , useQ]) => useQ !== null);
  const attention = rows.some(([, , , , q]) => q !== null);
  if (!use && !attention) return "Values were not compared: too few documents contain a word of this spelling.";
  const found = rows.flatMap(([value, , , effect, q, rho, useQ]) => [
    ...(useQ !== null && useQ < SIGNIFICANT ? [`${rho > 0 ? "more" : "less"} use with a larger ${names[value]}`] : []),
    ...(q !== null && q < SIGNIFICANT
      ? [`${effect > 0 ? "higher" : "lower"} self-attention with a larger ${names[value]}`]
      : []),
  ]);
  const missing = use && attention ? "" : ` Its ${use ? "self-attention" : "use"} was not compared.`;
  const sentence = found.length
    ? `Beyond chance (${significance.test(qTooSmall)}), the word of this spelling has ${found.join("; ")}.`
    : "The word of this spelling goes with no value beyond chance (q < 0.05).";
  return sentence + missing;
};

const COLUMNS =
  "Times even attention: the word's self-attention as a multiple of 1/n, in texts of n tokens (geometric mean, not " +
  "corrected for length). g: Hedges' g, above 0 if the word has more self-attention in the class than elsewhere. " +
  "z: above 0 if the class uses it more. q: false discovery rate.";

// `withPage` is how many documents have a page, where not all have one: only their occurrences are there.
const sample = (shown, n, withPage) => {
  const [some, all] = [formats.count(shown), formats.count(n)];
  const random = shown < n ? `A random sample of ${some} of ${all}, by` : "By";
  const where = withPage ? `${some} of ${all}, from the ${formats.count(withPage)} documents with a page, by` : random;
  return `${where} mean self-attention over all heads. Each links to its document.`;
};

const missing = (known) =>
  known
    ? "It occurs in too few documents for details; the table below has a row for it."
    : "This corpus has no such token.";

export const tokenSentences = { COLUMNS, occurrences, classes, values, sample, missing };
