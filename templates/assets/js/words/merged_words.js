// Merges word pieces to words: a document with one token per word, so that all views show words.

import { attention } from "../document/attention.js";
import { spread } from "../document_views/spread.js";

// The first piece of each word, and the word of each piece.
const group = ({ tokens, continues }) => {
  const firsts = [];
  const wordOf = new Int32Array(tokens);
  for (let token = 0; token < tokens; token++) {
    if (!continues[token]) firsts.push(token);
    wordOf[token] = firsts.length - 1;
  }
  return { firsts, wordOf };
};

// The code that is nearest to a value.
const encoder = (values) => {
  const step = Math.log(values[2] / values[1]);
  return (value) =>
    value < values[1] * Math.exp(-step / 2)
      ? 0
      : Math.min(values.length - 1, 1 + Math.round(Math.log(value / values[1]) / step));
};

// How the values of pieces are combined.
const WAYS = {
  first: (values) => values[0],
  max: (values) => Math.max(...values),
  mean: (values) => values.reduce((sum, value) => sum + value, 0) / values.length,
};

const mergeCodes = ({ rows, tokens, codes, values }, firsts, way) => {
  const [merged, encode] = [new Uint8Array(rows * firsts.length), encoder(values)];
  for (let row = 0; row < rows; row++) {
    firsts.forEach((first, word) => {
      const last = firsts[word + 1] ?? tokens;
      const at = row * tokens;
      merged[row * firsts.length + word] =
        last - first === 1
          ? codes[at + first]
          : encode(WAYS[way](Array.from(codes.subarray(at + first, at + last), (code) => values[code])));
    });
  }
  return merged;
};

// From the codes of every head, so marked ≈.
const ofHeads = (doc) => {
  const measure = doc.definition === "attviz" ? spread.binnedEntropy : spread.entropy;
  return {
    ...spread.of(doc, { number: doc.value }),
    entropy: Float64Array.from({ length: doc.tokens }, (_, word) => measure(spread.column(doc, word))),
  };
};

// Aggregates that are combined from pieces like values, by name.
const ofPieces = ({ tokens, aggregates }, firsts, way, names) =>
  Object.fromEntries(
    names.map((name) => [
      name,
      Float64Array.from(firsts, (first, word) =>
        WAYS[way](aggregates[name].subarray(first, firsts[word + 1] ?? tokens)),
      ),
    ]),
  );

// A page without heads has aggregates of pieces only. Standard deviation and entropy of words need the heads.
const withoutHeads = (whole, firsts, way) => {
  const made = ofPieces(whole, firsts, way, ["mean", "max", "min"]);
  return { ...made, range: made.max.map((value, word) => value - made.min[word]) };
};

// Aggregates of words. Those of single tokens and of first pieces are exact.
const mergeAggregates = (doc, whole, firsts, way) => {
  if (doc.lite && way !== "first") return withoutHeads(whole, firsts, way);
  const made = ofHeads(doc);
  for (const [name, numbers] of Object.entries(made))
    firsts.forEach((first, word) => {
      if (!doc.rough?.(word)) numbers[word] = whole.aggregates[name][first];
    });
  return made;
};

const merge = (whole, way) => {
  const { firsts, wordOf } = group(whole);
  const pick = (list) => list.constructor.from(firsts, (first) => list[first]);
  const ends = whole.ends.constructor.from(firsts, (_, word) => whole.ends[(firsts[word + 1] ?? whole.tokens) - 1]);
  const single = (word) => (firsts[word + 1] ?? whole.tokens) - firsts[word] === 1;
  const doc = attention.complete({
    ...whole,
    ends,
    tokens: firsts.length,
    codes: mergeCodes(whole, firsts, way),
    starts: pick(whole.starts),
    special: pick(whole.special),
    punctuation: pick(whole.punctuation),
    skipped: pick(whole.special),
    continues: new Uint8Array(firsts.length),
    // Pieces are left out one by one.
    evidence: null,
    windows: whole.windows.map((token) => wordOf[token]),
    named: (word) => (single(word) ? whole.named(firsts[word]) : undefined),
    rough: whole.lite || way === "first" ? undefined : (word) => !single(word),
  });
  doc.aggregates = {
    __proto__: null,
    ...mergeAggregates(doc, whole, firsts, way),
    ...ofPieces(whole, firsts, way, whole.measures),
  };
  return { doc, firsts, wordOf };
};

// Says which aggregates of words there are, and what they are computed from.
const describe = ({ overHeads, aggregates }, way) => {
  if (!aggregates.std)
    document.getElementById("tier-aggregates").textContent =
      `Here the mean, max and min of a word are the ${way === "max" ? "maximum" : "mean"} of those of its pieces, ` +
      "which are over all heads; std and entropy need every head.";
  document.querySelectorAll("#measure option, #line option, #add-row option").forEach((option) => {
    option.disabled = overHeads.includes(option.value) && !aggregates[option.value];
  });
};

// The page's cursor, for views that show pieces.
const cursorOfPieces = (cursor, { firsts, wordOf }) => {
  const piece = (now) => ({ ...now, token: firsts[now.token] ?? -1 });
  const word = (token) => wordOf[token] ?? -1;
  let [last, now] = [null, null];
  return {
    // Return the same object while the state is the same, as the page's own cursor does.
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

export const mergedWords = { WAYS: Object.keys(WAYS), merge, describe, cursorOfPieces };
