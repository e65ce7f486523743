// Gold values and predictions of documents: a class by its number, an ascending list of labels, or a number without
// labels; null where it is not known.

import { formats } from "../core/formats.js";

const NO_LABEL = "no label";

// Writes a value, by the names of the classes or labels; regression has none.
const spell = (labels) => (value) => {
  if (value === null) return "unknown";
  if (Array.isArray(value)) return value.map((label) => labels[label]).join("; ") || NO_LABEL;
  return labels.length ? labels[value] : formats.significant(value, 4);
};

// What a filter asks of a value: a label by its number, or with "not-" in front that it is missing; "none" asks for an
// empty list.
const asked = (wanted) => {
  if (wanted === "none") return (value) => Array.isArray(value) && value.length === 0;
  const [without, label] = [wanted.startsWith("not-"), Number(wanted.replace("not-", ""))];
  return (value) => value !== null && (Array.isArray(value) ? value.includes(label) : value === label) !== without;
};

// The choices of a filter, as text and what it asks.
const choices = (labels, sets) => [
  ...labels.map((name, i) => [name, String(i)]),
  ...(sets ? [[NO_LABEL, "none"], ...labels.map((name, i) => [`not ${name}`, `not-${i}`])] : []),
];

// The outcome by its number; "not_right" joins all but the first, which is right.
const outcomeTest = (wanted, names) =>
  wanted === "not_right"
    ? (outcome) => outcome !== null && outcome > 0
    : (outcome) => outcome !== null && names[outcome] === wanted;

export const documentValues = { spell, asked, choices, outcomeTest };
