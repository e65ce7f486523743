import assert from "node:assert/strict";
import test from "node:test";
import { shownDocument } from "../../templates/assets/js/core/shown_document.js";
import { documentSummary } from "../../templates/assets/js/framed/document_summary.js";

test("the words of a summary are whole words, without special tokens and punctuation", () => {
  globalThis.document = { title: "Document 1 · site", querySelectorAll: () => [], querySelector: () => null };
  const tokens = ["[CLS]", "The", ",", "hand", "##ball", "the", "[SEP]"];
  const flags = (...marked) => tokens.map((token) => Number(marked.includes(token)));
  const doc = {
    tokens: tokens.length,
    word: (token) => tokens[token],
    special: flags("[CLS]", "[SEP]"),
    punctuation: flags(","),
    continues: flags("##ball"),
    aggregates: { mean: [9, 0.25, 9, 9, 9, 0.75, 9] },
    headMeans: [0.5],
  };
  shownDocument.set({ doc });

  assert.deepEqual(documentSummary().words, [["the", 0.5]]);
  assert.equal(documentSummary().name, "Document 1");

  shownDocument.set(null);
  assert.equal(documentSummary(), null);
});
