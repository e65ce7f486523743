import assert from "node:assert";
import test from "node:test";
import { otherDocuments } from "../../templates/assets/js/other_documents/other_documents.js";

test("texts and ids are searched without case and accents, up to the most", () => {
  const { hits } = otherDocuments;
  const rows = { id: ["d-1", "d-2", "Élan"], text: ["The café", "no", "the end"] };
  assert.deepEqual(hits(rows, "the", 100), [0, 2]);
  assert.deepEqual(hits(rows, "cafe", 100), [0]);
  assert.deepEqual(hits(rows, "elan", 100), [2]);
  assert.deepEqual(hits(rows, "d-", 1), [0]);
  assert.deepEqual(hits(rows, "x", 100), []);
});

test("the search says what it covered when it ends", () => {
  const { ended } = otherDocuments;
  assert.equal(ended(0, 5000, 5000, false), "No documents found in 5,000.");
  assert.equal(ended(1, 5000, 5000, false), "1 document found in 5,000.");
  assert.equal(ended(7, 5000, 90000, true), "7 documents found in 5,000 of 90,000: stopped.");
  assert.equal(
    ended(100, 5000, 90000, false),
    "The first 100 hits, in 5,000 of 90,000 documents. A longer search finds fewer.",
  );
});
