// The numbers of views as CSV, and a document's attention as AttViz's viewer reads it.
((attviz) => {
  "use strict";

  const { quoted, file } = attviz.csv;
  const written = (value) => String(Number(value.toPrecision(4)));
  const range = (n) => Array.from({ length: n }, (_, i) => i);

  const tokens = (doc, titles, cells) => file([
    ["token", "text", "start_utf16", "end_utf16", "special", ...titles.map(quoted)],
    ...range(doc.tokens).map((token) => [token, quoted(doc.word(token)), doc.starts[token], doc.ends[token], doc.special[token], ...cells(token)]),
  ]);

  // What the series is in, where it is normalised.
  const seriesUnit = ({ normed, norm }) => (normed && norm.unit ? `, ${norm.unit}` : "");

  const TABLES = {
    text: ({ doc, view }) => {
      const numbers = attviz.attention.measured(doc, view.measure);
      return tokens(doc, [view.measure], (token) => [written(numbers[token])]);
    },
    series: ({ doc, view }) => {
      const value = view.normed ? view.norm.number : doc.value;
      const rows = [...attviz.measures.rows(doc, attviz.series.aggregates(doc, view)).map(([name, numbers]) => [name, (token) => numbers[token]]),
        ...view.pins.map(({ row, name }) => [name, (token) => value(row, token)])];
      return tokens(doc, rows.map(([name]) => name + seriesUnit(view)), (token) => rows.map(([, number]) => written(number(token))));
    },
    overview: ({ doc, view }) => file([
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

  // What the reader made of a pinned head, under the viewer's own keys. A name ends in the head's, so that none is like another
  // or like that of an aggregate, which the import leaves out.
  const chosen = ({ key, colour, hidden, raw: { name } }) => ({
    ...(name && { name: `${name.replace(/[\p{Cc}\p{Cs}\u2028\u2029]/gu, "")} (${key})` }), color: colour, visible: !hidden,
  });

  // As the stage `export_attention` writes it: all heads, numbers as strings, the text as tokens joined by spaces; these as the text spells them.
  const attvizJson = ({ doc, payload, view }) => {
    const made = new Map(view.pinned.map((pin) => [pin.row, chosen(pin)]));
    const words = range(doc.tokens).map((token) => doc.named(token) ?? (doc.continues[token] ? payload.mark : "") + doc.word(token));
    const vectors = range(doc.rows).map((row) => ({
      name: payload.vectors ? row : attviz.attention.keyOf(doc, row), vectors: range(doc.tokens).map((token) => written(doc.value(row, token))), ...made.get(row),
    }));
    const classes = payload.labels.map((name, i) => ({ value: String(payload.probabilities[i]), name }));
    return JSON.stringify([{ text: words.join(" "), sets: [{ attention_vectors: vectors, tokens: words }], output_activations: classes }]);
  };

  attviz.numbers = { TABLES, attvizJson, seriesUnit };
})(globalThis.attviz ??= {});
