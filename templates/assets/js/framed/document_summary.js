// What a document's page sends to the page around it, which cannot read it.

import { shownDocument } from "../core/shown_document.js";

// Mean over heads of each word that is a single piece, averaged over its occurrences; punctuation is no word.
const words = (doc) => {
  const found = new Map();
  for (let token = 0; token < doc.tokens; token++) {
    const noWord = doc.special[token] || doc.punctuation[token];
    if (noWord || doc.continues[token] || doc.continues[token + 1]) continue;
    const word = doc.word(token).toLowerCase();
    const [sum, n] = found.get(word) ?? [0, 0];
    found.set(word, [sum + doc.aggregates.mean[token], n + 1]);
  }
  return [...found].map(([word, [sum, n]]) => [word, sum / n]);
};

const classes = () =>
  [...document.querySelectorAll(".probabilities tbody tr")].map((row) => [
    row.cells[0].textContent,
    parseFloat(row.cells[2].textContent.replace(/[<>]/, "")) / 100,
  ]);

// In a regression: predicted and gold value and their difference, and the scale of all documents; else null.
const values = () => {
  const table = document.querySelector("table.values");
  return table
    ? {
        scale: [Number(table.dataset.low), Number(table.dataset.high)],
        rows: [...table.rows].map((row) => [row.cells[0].textContent.trim(), Number(row.cells[1].dataset.value)]),
      }
    : null;
};

export const documentSummary = () => {
  const doc = shownDocument.get()?.doc;
  return doc
    ? {
        name: document.title.split(" · ")[0],
        tokens: doc.tokens,
        lite: Boolean(doc.lite),
        heads: [...doc.headMeans],
        words: words(doc),
        classes: classes(),
        values: values(),
      }
    : null;
};
