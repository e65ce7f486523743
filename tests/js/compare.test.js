import assert from "node:assert";
import test from "node:test";
import { comparePage } from "../../templates/assets/js/compare/compare_page.js";

test("addresses are made from numbers only", () => {
  const { documents, heads, classes } = comparePage.ADDRESSES;
  assert.equal(documents("12"), "documents/000011.html");
  assert.equal(heads("3.11"), "heads/L03-H11.html");
  assert.equal(classes("0"), "classes/000.html");
  for (const nonsense of ["", "0", "-1", "../x", "javascript:alert(1)", "1e9", "1.5x"])
    assert.equal(documents(nonsense), null);
  for (const nonsense of ["", "1", "a.b", "1.2.3", "../.."]) assert.equal(heads(nonsense), null);
});

test("a page that a frame went to is the choice that leads there", () => {
  const { ADDRESSES, choiceOf } = comparePage;
  for (const [kind, value] of [
    ["documents", "12"],
    ["heads", "3.11"],
    ["classes", "2"],
  ])
    assert.equal(choiceOf(kind, ADDRESSES[kind](value)), value);
  assert.equal(choiceOf("documents", "heads/L00-H00.html"), null);
});

test("where some documents have no page, the next one in the reader's direction is compared", () => {
  const { withPage } = comparePage;
  const numbers = [3, 8, 9, 40];
  assert.equal(withPage(numbers, 8, 0), 8);
  assert.equal(withPage(numbers, 4, 3), 8);
  assert.equal(withPage(numbers, 7, 8), 3);
  assert.equal(withPage(numbers, 39, 40), 9);
  assert.equal(withPage(numbers, 1, 3), 3);
  assert.equal(withPage(numbers, 41, 40), 40);
  assert.equal(withPage(numbers, 50, 60), 40);
});
