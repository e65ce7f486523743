// The numbers of views as CSV, and a document's attention as AttViz's viewer reads it.
((attviz) => {
  "use strict";

  // Spreadsheets run what begins like a formula; an apostrophe before it makes it text, as in the files of other stages.
  const quoted = (text) => `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : String(text)).replaceAll('"', '""')}"`;
  const written = (value) => String(Number(value.toPrecision(4)));
  const csv = (lines) => `${lines.map((line) => line.join(",")).join("\r\n")}\r\n`;
  const range = (n) => Array.from({ length: n }, (_, i) => i);

  const tokens = (doc, titles, cells) => csv([
    ["token", "text", "start_utf16", "end_utf16", "special", ...titles.map(quoted)],
    ...range(doc.tokens).map((token) => [token, quoted(doc.word(token)), doc.starts[token], doc.ends[token], doc.special[token], ...cells(token)]),
  ]);

  const TABLES = {
    text: ({ doc, view }) => {
      const numbers = attviz.attention.measured(doc, view.measure);
      return tokens(doc, [view.measure], (token) => [written(numbers[token])]);
    },
    series: ({ doc, view }) => {
      const rows = [...attviz.attention.ROWS.filter((key) => doc.aggregates[key]).map((key) => [attviz.attention.rowName(key), doc.aggregates[key]]),
        ...view.pins.map(({ key, name }) => [name, attviz.attention.measured(doc, key)])];
      return tokens(doc, rows.map(([name]) => name), (token) => rows.map(([, numbers]) => written(numbers[token])));
    },
    overview: ({ doc, view }) => csv([
      ["layer", "head", "token", "text", "self_attention", "shown"],
      ...range(doc.rows).flatMap((row) => range(doc.tokens).map((token) => [
        Math.floor(row / doc.heads), doc.lite ? "" : row % doc.heads, token, quoted(doc.word(token)), written(doc.value(row, token)), written(view.norm.number(row, token)),
      ])),
    ]),
    sequence: ({ doc, view }) => {
      const rows = attviz.sequenceRows.rowsOf(doc, view);
      return tokens(doc, rows.map(({ label, row }) => (row >= 0 ? doc.name(row) : label)), (token) => rows.map(({ value }) => written(value(token))));
    },
    head: ({ views }) => views.maps.csv(),
  };

  // As the stage `export_attention` writes it: all heads, numbers as strings, the text as tokens joined by spaces; these as the text spells them.
  const attvizJson = ({ doc, payload }) => {
    const words = range(doc.tokens).map((token) => doc.named(token) ?? (doc.continues[token] ? payload.mark : "") + doc.word(token));
    const vectors = range(doc.rows).map((row) => ({
      name: payload.vectors ? row : attviz.attention.keyOf(doc, row), vectors: range(doc.tokens).map((token) => written(doc.value(row, token))),
    }));
    const classes = payload.labels.map((name, i) => ({ value: String(payload.probabilities[i]), name }));
    return JSON.stringify([{ text: words.join(" "), sets: [{ attention_vectors: vectors, tokens: words }], output_activations: classes }]);
  };

  attviz.numbers = { TABLES, attvizJson, quoted };
})(globalThis.attviz ??= {});
