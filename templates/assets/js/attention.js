// One document's attention, decoded from the page's payload.
((attviz) => {
  "use strict";

  const AGGREGATES = ["mean", "entropy", "std", "max", "min"];

  const load = async (payload, text) => {
    const { layers, heads, tokens } = payload;
    const rows = layers * heads;
    const [{ codes, values }, aggregates, { starts, ends }] = await Promise.all([
      attviz.codec.attention(payload.attention, rows, tokens),
      attviz.codec.aggregates(payload.aggregates, AGGREGATES, tokens),
      attviz.codec.offsets(payload.offsets),
    ]);
    const special = new Uint8Array(tokens);
    payload.special.forEach((token) => { special[token] = 1; });
    const named = (token) => payload.named[token];
    const doc = {
      layers, heads, tokens, rows, codes, values, aggregates, starts, ends, special, text,
      windows: payload.windows.slice(1), telling: payload.telling, range: payload.range,
      value: (row, token) => values[codes[row * tokens + token]],
      name: (row) => `L${Math.floor(row / heads)}·H${row % heads}`,
      page: (row) => `heads/L${String(Math.floor(row / heads)).padStart(2, "0")}-H${String(row % heads).padStart(2, "0")}.html`,
      // What the text says at a token; a special token's name where it says nothing.
      word: (token) => text.slice(starts[token], ends[token]) || named(token) || "",
      named,
    };
    doc.layerMeans = attviz.stats.layerMeans(doc);
    doc.headMeans = attviz.stats.headMeans(doc);
    doc.extremes = attviz.stats.extremes(doc);
    return doc;
  };

  // The numbers that a measure ("mean", ... or a head "5.7") gives every token.
  const measured = (doc, measure) => {
    if (doc.aggregates[measure]) return doc.aggregates[measure];
    const row = rowOf(doc, measure);
    if (row < 0) return doc.aggregates.mean;
    return Float64Array.from({ length: doc.tokens }, (_, token) => doc.value(row, token));
  };

  const rowOf = (doc, text) => {
    const match = /^(\d+)\.(\d+)$/.exec(text);
    if (!match || +match[1] >= doc.layers || +match[2] >= doc.heads) return -1;
    return match[1] * doc.heads + +match[2];
  };

  const keyOf = (doc, row) => `${Math.floor(row / doc.heads)}.${row % doc.heads}`;

  attviz.attention = { AGGREGATES, load, measured, rowOf, keyOf };
})(globalThis.attviz ??= {});
