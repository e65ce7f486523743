// What can be chosen beside heads, what full mode adds among it, and how alike a measure and self-attention rank tokens.

import { element } from "../core/element.js";
import { attention } from "../document/attention.js";
import { headStats } from "./head_stats.js";

const LABELS = { received: "attention received", rollout: "attention rollout", "norm-weighted": "norm-weighted share" };

// Full mode's measures have a place for what `agreement` says.
const offer = ({ measures, lite }) => {
  const { ROWS, rowName } = attention;
  const [shade, row] = ["measure", "add-row"].map((id) => document.getElementById(id));
  row.append(...[...ROWS, ...measures, "pinned"].map((key) => new Option(rowName(key), key)));
  shade.append(
    ...measures.map((name) => new Option(LABELS[name], name)),
    new Option(`mean over pinned ${lite ? "layers" : "heads"}`, "pinned"),
  );
  if (measures.length) shade.closest("label").before(Object.assign(element("output"), { id: "agreement" }));
};

// The mean over the heads that the reader has pinned and shows; there is none of none.
const ofPins = (doc, pins) => {
  const rows = pins.filter(({ row, hidden }) => row >= 0 && !hidden).map(({ row }) => row);
  if (!rows.length) delete doc.aggregates.pinned;
  else
    doc.aggregates.pinned = Float64Array.from(
      { length: doc.tokens },
      (_, token) => rows.reduce((sum, row) => sum + doc.value(row, token), 0) / rows.length,
    );
};

// Every row over heads that there is, with its name.
const rows = ({ measures }, aggregates) =>
  [...attention.ROWS, ...measures, "pinned"]
    .filter((key) => aggregates[key])
    .map((key) => [attention.rowName(key), aggregates[key]]);

// Over the tokens or words that count; nothing where ranks do not vary.
const agreement = ({ doc, words }, measure) => {
  const counted = [measure, "mean"].map((name) =>
    attention.measured(doc, name).filter((_, token) => !doc.skipped[token]),
  );
  const rho = headStats.spearman(...counted);
  return measure === "mean" || Number.isNaN(rho)
    ? ""
    : `Spearman with the mean of self-attention ${rho.toFixed(2)} over ${counted[0].length} ${words ? "words" : "tokens"}`;
};

export const measures = { offer, ofPins, rows, agreement };
