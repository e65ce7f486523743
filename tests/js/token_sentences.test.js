import assert from "node:assert/strict";
import test from "node:test";
import { tokenSentences } from "../../templates/assets/js/token_table/token_sentences.js";

const { occurrences, classes, sample, missing } = tokenSentences;
const LABELS = ["sport", "tech"];

test("a token is described with its support", () => {
  const numbers = { count: 1200, documents: 5, mean: 0.0453, std: 0.01, best: "L5·H1" };
  assert.equal(
    occurrences(numbers),
    "1,200 occurrences in 5 documents; mean self-attention 0.0453, standard deviation 0.0100; of all heads, L5·H1 " +
      "has its highest mean.",
  );
  assert.equal(
    occurrences({ ...numbers, count: 1, documents: 1, best: "" }),
    "1 occurrence in 1 document; mean self-attention 0.0453.",
  );
});

test("classes: not compared, nothing found, and found", () => {
  assert.ok(classes([], LABELS).startsWith("Classes were not compared"));
  assert.ok(classes([[0, 9, 1, null, null, 3, null]], LABELS).startsWith("Classes were not compared"));
  assert.ok(
    classes([[0, 9, 1, 0.4, 0.2, 3, 0.05]], LABELS).endsWith("no class, neither in use nor in self-attention."),
  );
  assert.ok(
    classes([[0, 9, 1, null, null, 3, 0.05]], LABELS).endsWith("in no class. Its self-attention was not compared."),
  );
  assert.ok(classes([[0, 9, 1, 0.4, 0.2, 3, null]], LABELS).endsWith("in no class. Its use was not compared."));
  assert.ok(
    classes([[0, 9, 1, null, null, 3, 0.04]], LABELS).includes("more use in sport. Its self-attention was not"),
  );
  assert.equal(
    classes(
      [
        [0, 9, 1, -0.4, 0.01, -3, 0.04],
        [1, 9, 1, 0.4, 0.01, 3, 0.04],
      ],
      LABELS,
    ),
    "Beyond chance (q < 0.05), the word of this spelling has, compared with all other documents: less use in sport; " +
      "lower self-attention in sport; more use in tech; higher self-attention in tech.",
  );
});

test("q of dependent documents is too small where something was found", () => {
  const lead = "Beyond chance (q < 0.05; documents of one input row count as independent, so q is too small), ";
  const row = [0, 9, 1, 0.4, 0.2, 3, 0.04];
  assert.ok(classes([row], LABELS, undefined, true).startsWith(lead));
  assert.ok(tokenSentences.values([row], LABELS, true).startsWith(lead));
  assert.ok(!tokenSentences.values([row], LABELS).includes("too small"));
  assert.ok(!classes([[...row.slice(0, 6), 0.3]], LABELS, undefined, true).includes("too small"));
});

test("the list of occurrences says if it is a sample", () => {
  assert.ok(sample(20, 1200).startsWith("A random sample of 20 of 1,200, by mean"));
  assert.ok(sample(3, 3).startsWith("By mean self-attention"));
  assert.ok(sample(3, 1200, 20).startsWith("3 of 1,200, from the 20 documents with a page, by mean self-attention"));
  assert.notEqual(missing(true), missing(false));
});
