// Maps of words: what a word gives is the mean over its pieces, what it receives the sum over its pieces.

import { matrix } from "./matrix.js";

// The first piece of each word of a window, and the word of each piece. Special tokens are words of their own.
const group = (doc, tokens) => {
  const continues = (index) => {
    const token = tokens.placed(index);
    return index > 0 && token > 0 && Boolean(doc.continues[token]) && tokens.placed(index - 1) === token - 1;
  };
  const firsts = [];
  const wordOf = Int32Array.from({ length: tokens.length }, (_, index) => {
    if (!continues(index)) firsts.push(index);
    return firsts.length - 1;
  });
  return { firsts, wordOf, end: (word) => firsts[word + 1] ?? tokens.length };
};

// The tokens of a window with its pieces merged.
const tokensOf = (doc, tokens, { firsts, wordOf, end }) => ({
  length: firsts.length,
  special: (word) => tokens.special(firsts[word]),
  word: (word) =>
    end(word) - firsts[word] === 1
      ? tokens.word(firsts[word])
      : doc.text.slice(doc.starts[tokens.placed(firsts[word])], doc.ends[tokens.placed(end(word) - 1)]),
  placed: (word) => tokens.placed(firsts[word]),
  at: (token) => wordOf[tokens.at(token)] ?? -1,
  segment: (word) => tokens.segment(firsts[word]),
});

// Only stored weights are summed: of a word's other keys no more is known than their sum, `rest`.
const of = (map, { firsts, wordOf, end }) => {
  const known = new Map();
  const rowsOf = (head) => {
    if (!known.has(head))
      known.set(
        head,
        firsts.map((first, word) => {
          const [sums, n] = [new Map(), end(word) - first];
          for (let query = first; query < end(word); query++)
            for (const [key, value] of matrix.row(map, head, query))
              sums.set(wordOf[key], (sums.get(wordOf[key]) ?? 0) + value / n);
          return [...sums].sort((a, b) => b[1] - a[1]);
        }),
      );
    return known.get(head);
  };
  const made = {
    rows: map.rows,
    tokens: firsts.length,
    row: (head, word, allows = matrix.all) => rowsOf(head)[word].filter(([key]) => allows(word, key)),
    rest: (head, word) => {
      let sum = 0;
      for (let query = firsts[word]; query < end(word); query++) sum += matrix.rest(map, head, query);
      return sum / (end(word) - firsts[word]);
    },
  };
  return made;
};

export const wordMap = { group, tokensOf, of };
