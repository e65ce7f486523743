// Word pieces merged to words: a document with a token for every word, so that all views show words.
((attviz) => {
  "use strict";

  // First piece of each word, and the word of each piece.
  const group = ({ tokens, continues }) => {
    const firsts = [];
    const wordOf = new Int32Array(tokens);
    for (let token = 0; token < tokens; token++) {
      if (!continues[token]) firsts.push(token);
      wordOf[token] = firsts.length - 1;
    }
    return { firsts, wordOf };
  };

  // The code nearest to a value.
  const encoder = (values) => {
    const step = Math.log(values[2] / values[1]);
    return (value) => (value < values[1] * Math.exp(-step / 2) ? 0 : Math.min(values.length - 1, 1 + Math.round(Math.log(value / values[1]) / step)));
  };

  const WAYS = {
    first: (codes) => codes[0],
    max: (codes) => Math.max(...codes),
    mean: (codes, values, encode) => encode(codes.reduce((sum, code) => sum + values[code], 0) / codes.length),
  };

  const mergeCodes = ({ rows, tokens, codes, values }, firsts, way) => {
    const [merged, encode] = [new Uint8Array(rows * firsts.length), encoder(values)];
    for (let row = 0; row < rows; row++) {
      firsts.forEach((first, word) => {
        const last = firsts[word + 1] ?? tokens;
        const at = row * tokens;
        merged[row * firsts.length + word] = last - first === 1 ? codes[at + first] : WAYS[way](codes.subarray(at + first, at + last), values, encode);
      });
    }
    return merged;
  };

  // Aggregates of merged words, from codes; those of single tokens and of first pieces are exact.
  const mergeAggregates = (doc, whole, firsts, way) => {
    const made = attviz.spread.of(doc, { number: doc.value });
    const measure = doc.definition === "attviz" ? attviz.spread.binnedEntropy : attviz.spread.entropy;
    made.entropy = Float64Array.from({ length: doc.tokens }, (_, word) => measure(Array.from({ length: doc.rows }, (__, row) => doc.value(row, word))));
    firsts.forEach((first, word) => {
      if (way === "first" || (firsts[word + 1] ?? whole.tokens) - first === 1) Object.keys(made).forEach((name) => { made[name][word] = whole.aggregates[name][first]; });
    });
    return made;
  };

  const merge = (whole, way) => {
    const { firsts, wordOf } = group(whole);
    const pick = (list) => list.constructor.from(firsts, (first) => list[first]);
    const ends = whole.ends.constructor.from(firsts, (_, word) => whole.ends[(firsts[word + 1] ?? whole.tokens) - 1]);
    const single = (word) => (firsts[word + 1] ?? whole.tokens) - firsts[word] === 1;
    const doc = attviz.attention.complete({
      ...whole, ends, tokens: firsts.length, codes: mergeCodes(whole, firsts, way),
      starts: pick(whole.starts), special: pick(whole.special), punctuation: pick(whole.punctuation), skipped: pick(whole.special),
      continues: new Uint8Array(firsts.length), windows: whole.windows.map((token) => wordOf[token]),
      named: (word) => (single(word) ? whole.named(firsts[word]) : undefined),
    });
    doc.aggregates = mergeAggregates(doc, whole, firsts, way);
    return { doc, firsts, wordOf };
  };

  // The page's cursor for views that show pieces.
  const cursorOfPieces = (cursor, { firsts, wordOf }) => {
    const piece = (now) => ({ ...now, token: firsts[now.token] ?? -1 });
    const word = (token) => wordOf[token] ?? -1;
    let [last, now] = [null, null];
    return {
      // The same state is the same object, as it is with the page's own cursor.
      get: () => {
        if (cursor.get() !== last) [last, now] = [cursor.get(), piece(cursor.get())];
        return now;
      },
      hover: (token, row) => cursor.hover(word(token), row),
      hold: (token, row) => cursor.hold(word(token), row),
      release: cursor.release,
      piece,
    };
  };

  attviz.words = { WAYS: Object.keys(WAYS), merge, cursorOfPieces };
})(globalThis.attviz ??= {});
