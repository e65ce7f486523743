// The measures to choose from, including those of full mode, and the rank correlation of a measure with self-attention.

import { element } from "../core/element.js";
import { formats } from "../core/formats.js";
import { late } from "../core/late.js";
import { attention } from "../document/attention.js";
import { headStats } from "./head_stats.js";

const tokenEvidence = late("tokenEvidence");

const LABELS = { received: "attention received", rollout: "attention rollout", "norm-weighted": "norm-weighted share" };

// Measures of what the prediction depends on, with their names.
const ofEvidence = (doc) => (doc.evidence ? tokenEvidence().named(doc) : []);

// Adds a place for the text of `agreement` where there is something to compare self-attention with.
const offer = (doc) => {
  const { overHeads, measures, lite } = doc;
  const { rowName } = attention;
  const [shade, line, row] = ["measure", "line", "add-row"].map((id) => document.getElementById(id));
  for (const select of [row, line])
    select.append(...[...overHeads, ...measures, "pinned"].map((key) => new Option(rowName(key), key)));
  shade.append(
    ...measures.map((name) => new Option(LABELS[name], name)),
    ...ofEvidence(doc).map(([name, label]) => new Option(label, name)),
    new Option(`mean over pinned ${lite ? "layers" : "heads"}`, "pinned"),
  );
  for (const { dataset, options } of [shade, line]) dataset.fixed = options.length;
  if (measures.length || doc.evidence)
    shade.closest("label").before(Object.assign(element("output"), { id: "agreement" }));
};

// The mean over the pinned heads that are shown; there is no such row without any.
const ofPins = (doc, pins) => {
  const rows = pins.filter(({ row, hidden }) => row >= 0 && !hidden).map(({ row }) => row);
  if (!rows.length) delete doc.aggregates.pinned;
  else
    doc.aggregates.pinned = Float64Array.from(
      { length: doc.tokens },
      (_, token) => rows.reduce((sum, row) => sum + doc.value(row, token), 0) / rows.length,
    );
};

// Every available row over heads, with its name.
const rows = ({ overHeads, measures }, aggregates) =>
  [...overHeads, ...measures, "pinned"]
    .filter((key) => aggregates[key])
    .map((key) => [attention.rowName(key), aggregates[key]]);

// Over the counted tokens or words; empty if the ranks are constant.
const agreement = ({ doc, words }, measure) => {
  const counted = [measure, "mean"].map((name) =>
    attention.measured(doc, name).filter((_, token) => !doc.skipped[token]),
  );
  const rho = headStats.spearman(...counted);
  return measure === "mean" || Number.isNaN(rho)
    ? ""
    : `Spearman with the mean of self-attention ${formats.signed(rho)} ` +
        `over ${counted[0].length} ${words ? "words" : "tokens"}`;
};

export const measures = { offer, ofEvidence, ofPins, rows, agreement };
