// The numbers of views as CSV, and a document's attention as JSON for AttViz's viewer.

import { attention } from "../document/attention.js";
import { series } from "../document/series.js";
import { measures } from "../document_views/measures.js";
import { sequenceRows } from "../document_views/sequence_rows.js";
import { csv } from "../exports/csv.js";

const { quoted, file } = csv;
// Empty where nothing was measured.
const written = (value) => (Number.isNaN(value) ? "" : String(Number(value.toPrecision(4))));
const range = (n) => Array.from({ length: n }, (_, i) => i);

const tokenTable = (doc, titles, cells) =>
  file([
    ["token", "text", "start_utf16", "end_utf16", "special", ...titles.map(quoted)],
    ...range(doc.tokens).map((token) => [
      token,
      quoted(doc.word(token)),
      doc.starts[token],
      doc.ends[token],
      doc.special[token],
      ...cells(token),
    ]),
  ]);

// The unit at the end of a column's name; empty for plain self-attention.
const unitOf = (unit) => (unit ? `, ${unit}` : "");
const seriesUnit = ({ normed, norm }) => unitOf(normed && norm.unit);

const TABLES = {
  text: ({ doc, view }) => {
    const measure = view.evidence || view.measure;
    const numbers = attention.measured(doc, measure);
    return tokenTable(doc, [measure], (token) => [written(numbers[token])]);
  },
  series: ({ doc, view }) => {
    const value = view.normed ? view.norm.number : doc.value;
    const rows = [
      ...measures.rows(doc, series.aggregates(doc, view)).map(([name, numbers]) => [name, (token) => numbers[token]]),
      ...view.pins.map(({ row, name }) => [name, (token) => value(row, token)]),
    ];
    return tokenTable(
      doc,
      rows.map(([name]) => name + seriesUnit(view)),
      (token) => rows.map(([, number]) => written(number(token))),
    );
  },
  overview: ({ doc, view }) =>
    file([
      ["layer", "head", "token", "text", "self_attention", quoted(`shown${unitOf(view.norm.unit)}`)],
      ...range(doc.rows).flatMap((row) =>
        range(doc.tokens).map((token) => [
          Math.floor(row / doc.heads),
          doc.lite ? "" : row % doc.heads,
          token,
          quoted(doc.word(token)),
          written(doc.value(row, token)),
          written(view.norm.number(row, token)),
        ]),
      ),
    ]),
  sequence: ({ doc, view }) => {
    const rows = sequenceRows.rowsOf(doc, view);
    return tokenTable(
      doc,
      rows.map(({ title, unit }) => title + unitOf(unit)),
      (token) => rows.map(({ value }) => written(value(token))),
    );
  },
  head: ({ views }) => views.maps.csv(),
};

// The reader's changes to a pinned row, under the viewer's keys. A given name ends with the row's own name, which makes
// it unique; the import recognises aggregates by it and leaves them out.
const chosen = ({ colour, hidden, raw: { name } }, own) => ({
  ...(name && { name: `${name.replace(/[\p{Cc}\p{Cs}\u2028\u2029]/gu, "")} (${own})` }),
  color: colour,
  visible: !hidden,
});

// The model's tokens. The page stores how they differ from the text: ## before a piece, ␣ after a space.
const tokensOfModel = ({ pieces: doc, payload: { pieces, continues, spaced, lowered, spelled } }) => {
  const marked = new Set(pieces ?? continues);
  const behindSpace = ({ text, starts }, token) =>
    text.slice(Math.max(starts[token] - 1, 0), starts[token] + 1).includes(" ");
  const sign = (token) => (marked.has(token) ? "##" : spaced && behindSpace(doc, token) ? "␣" : "");
  const cased = (word) => (lowered ? word.toLowerCase() : word);
  return range(doc.tokens).map(
    (token) => spelled?.[token] ?? doc.named(token) ?? sign(token) + cased(doc.word(token).replace(/^ +| +$/g, "")),
  );
};

// The tokens of the document as shown: pieces, or pieces merged to words.
const shownTokens = (page) => {
  const tokens = tokensOfModel(page);
  if (!page.words) return tokens;
  const { firsts } = page.words;
  return firsts.map((first, word) =>
    tokens
      .slice(first, firsts[word + 1])
      .map((token, i) => (i ? token.replace(/^##/, "") : token))
      .join(""),
  );
};

// A logarithmic scale has no 0: a value below the smallest code is written as that code's value.
const vector = (doc, least, value) => range(doc.tokens).map((token) => written(Math.max(least, value(token))));

// Names of added aggregates; the viewer's own name if it has one.
const addedName = (key) => `0_${{ range: "max_min" }[key] ?? key}`;

// The same format as the stage `export_attention` writes: all heads, numbers as strings, the text as tokens joined by
// spaces. The pinned aggregates follow, in the form in which the viewer keeps added ones.
const attvizJson = (page) => {
  const { doc, payload, view } = page;
  const made = new Map(view.pinned.map((pin) => [pin.row, chosen(pin, pin.key)]));
  const heads = range(doc.rows).map((row) => ({
    name: payload.names[row],
    vectors: vector(doc, doc.values[1], (token) => doc.value(row, token)),
    ...made.get(row),
  }));
  const added = view.pinned
    .filter(({ row }) => row < 0)
    .map((pin) => ({
      name: addedName(pin.key),
      vectors: vector(doc, payload.codes.aggregates.lo, (token) => doc.aggregates[pin.key][token]),
      ...chosen(pin, addedName(pin.key)),
    }));
  const tokens = shownTokens(page);
  const classes = payload.labels.map((name, i) => ({ value: String(payload.probabilities[i]), name }));
  return JSON.stringify([
    {
      text: tokens.join(" "),
      sets: [{ attention_vectors: [...heads, ...added], tokens }],
      output_activations: classes,
    },
  ]);
};

export const documentNumbers = { TABLES, attvizJson, seriesUnit };
