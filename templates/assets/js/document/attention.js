// One document's attention, decoded from the page's payload.

import { element } from "../core/element.js";
import { headName } from "../core/head_name.js";
import { pageData } from "../early/page_data.js";
import { codec } from "./codec.js";
import { stats } from "./stats.js";

const NAMES = { range: "max − min", pinned: "mean of pins" };
const rowName = (key) => NAMES[key] ?? key;

const load = async (payload, text) => {
  const { layers, heads, tokens, length, definition, varied, range, lite, measures = [] } = payload;
  const rows = layers * heads;
  const { names, columns } = payload.codes.aggregates;
  const [{ codes, values }, aggregates, { starts, ends }, usual] = await Promise.all([
    codec.attention({ ...payload.codes.attention, ...payload.attention }, rows, tokens),
    codec.aggregates({ ...payload.codes.aggregates, codes: payload.aggregates }, [...names, ...measures], tokens),
    codec.offsets(payload.offsets),
    codec.values(payload.usual),
  ]);
  const flags = (indices) => {
    const made = new Uint8Array(tokens);
    indices.forEach((token) => {
      made[token] = 1;
    });
    return made;
  };
  const special = flags(payload.special);
  aggregates.range = aggregates.max.map((value, token) => value - aggregates.min[token]);
  return complete({
    layers,
    heads,
    tokens,
    rows,
    codes,
    values,
    aggregates,
    measures,
    starts,
    ends,
    special,
    text,
    usual,
    punctuation: flags(payload.punctuation),
    continues: flags(payload.continues),
    skipped: special,
    // Rows other than heads: aggregates by the study's definition, and the range. Full mode adds `measures`, the reader
    // the mean of pins.
    overHeads: [...names, "range"],
    columns,
    length,
    definition,
    windows: payload.windows.slice(1),
    varied,
    range,
    lite,
    name: (row) => (lite ? `L${row}` : headName(row, heads, payload.vectors)),
    page: (row) =>
      lite
        ? "heads.html"
        : `heads/L${String(Math.floor(row / heads)).padStart(2, "0")}-H${String(row % heads).padStart(2, "0")}.html`,
    named: (token) => payload.named[token],
  });
};

// Adds what can be computed from a document's codes and offsets.
const complete = (doc) => {
  doc.value = (row, token) => doc.values[doc.codes[row * doc.tokens + token]];
  // The text of a token, or the name of a special token that has no text.
  doc.word = (token) => doc.text.slice(doc.starts[token], doc.ends[token]) || doc.named(token) || "";
  // A link from a head's name to its page; plain text on a page that is a single file.
  doc.link = (row, text = doc.name(row)) =>
    pageData.single
      ? element("span", "", text)
      : Object.assign(element("a", "", text), { href: document.body.dataset.root + doc.page(row) });
  doc.headMeans = stats.headMeans(doc);
  doc.skipsPunctuation = false;
  let extremes;
  doc.extremes = () => (extremes ??= stats.extremes(doc));
  return doc;
};

// Means and scales leave out special tokens, and punctuation if the reader chooses so.
const skip = (doc, punctuation) => {
  if (doc.skipsPunctuation === punctuation) return;
  doc.skipsPunctuation = punctuation;
  doc.skipped = punctuation ? doc.special.map((flag, token) => flag | doc.punctuation[token]) : doc.special;
  doc.headMeans = stats.headMeans(doc);
};

// The value of every token by a measure ("mean", ...) or a head ("5.7").
const measured = (doc, measure) => {
  if (doc.aggregates[measure]) return doc.aggregates[measure];
  if (doc.evidence?.signed[measure]) return doc.evidence.signed[measure];
  const row = rowOf(doc, measure);
  if (row < 0) return doc.aggregates.mean;
  return Float64Array.from({ length: doc.tokens }, (_, token) => doc.value(row, token));
};

const rowOf = (doc, text) => {
  if (doc.lite) return /^L\d+$/.test(text) && +text.slice(1) < doc.rows ? +text.slice(1) : -1;
  const match = /^(\d+)\.(\d+)$/.exec(text);
  if (!match || +match[1] >= doc.layers || +match[2] >= doc.heads) return -1;
  return match[1] * doc.heads + +match[2];
};

// A page that has only the means of layers has no heads: its rows are "L5".
const keyOf = (doc, row) => (doc.lite ? `L${row}` : `${Math.floor(row / doc.heads)}.${row % doc.heads}`);

// Pixels of a head, and of a layer with the gap after it, in the heat map.
const rowHeight = (doc) => Math.max(2, Math.min(10, Math.floor(320 / doc.rows)));
const layerHeight = (doc) => rowHeight(doc) * doc.heads + 2;

export const attention = { rowHeight, layerHeight, rowName, load, complete, skip, measured, rowOf, keyOf };
