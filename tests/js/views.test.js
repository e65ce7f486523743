import assert from "node:assert";
import test from "node:test";
import { headName } from "../../templates/assets/js/core/head_name.js";
import { attention } from "../../templates/assets/js/document/attention.js";
import { documentPage } from "../../templates/assets/js/document/document_page.js";
import { documentText } from "../../templates/assets/js/document/document_text.js";
import { sequence } from "../../templates/assets/js/document_views/sequence.js";
import { zoomKeys } from "../../templates/assets/js/document_views/zoom_keys.js";
import { tableRows } from "../../templates/assets/js/rows/table_rows.js";
import { documentTable } from "../../templates/assets/js/document_table/document_table.js";
import { longTable } from "../../templates/assets/js/searchable_tables/long_table.js";
import { search } from "../../templates/assets/js/searchable_tables/search.js";
import { shadedTexts } from "../../templates/assets/js/document_table/shaded_texts.js";
import { tokenTable } from "../../templates/assets/js/token_table/token_table.js";

test("tokens fill lines in order and never leave the room", () => {
  const { x, firsts } = sequence.layOut([40, 40, 40, 90, 10], 100);
  assert.deepEqual(firsts, [0, 2, 3]);
  assert.deepEqual([...x], [0, 40, 0, 0, 90]);
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((token) => sequence.lineOf(firsts, token)),
    [0, 0, 1, 2, 2],
  );
});

test("shades ignore special tokens and stay within 0 and 1", () => {
  const numbers = Float64Array.of(0.9, 0.01, 0.02, 0.03, 0.04);
  const shades = documentText.strengths(numbers, Uint8Array.of(1, 0, 0, 0, 0));
  assert.equal(shades[1], 0);
  assert.equal(shades[4], 1);
  assert.ok(shades.every((shade) => shade >= 0 && shade <= 1));
});

test("a head's key is read back, and nonsense is no head", () => {
  const doc = { layers: 6, heads: 12 };
  assert.equal(attention.rowOf(doc, attention.keyOf(doc, 67)), 67);
  for (const key of ["6.0", "0.12", "-1.0", "a.b", "", "1.2.3"]) assert.equal(attention.rowOf(doc, key), -1);
});

const rows = { id: ["a", "b", "news-3"], label: [0, 1, 1], prediction: [0, 0, 1], outcome: [0, 1, 0] };
const lower = ["the bank\na", "the match\nb", "the phone\nnews-3"];
const nothing = { q: "", gold: "", predicted: "", outcome: "" };
const find = (filter) => documentTable.finder(rows, lower)({ ...nothing, ...filter });

test("documents are found by text, id, class and outcome", () => {
  assert.deepEqual(find({}), [0, 1, 2]);
  assert.deepEqual(find({ q: "MATCH" }), [1]);
  assert.deepEqual(find({ q: "news-3" }), [2]);
  assert.deepEqual(find({ gold: "1", predicted: "0" }), [1]);
  assert.deepEqual(find({ outcome: "right" }), [0, 2]);
  assert.deepEqual(find({ outcome: "not_right" }), [1]);
  assert.deepEqual(find({ q: "nowhere" }), []);
  assert.deepEqual(find({ q: '"the match"' }), [1]);
  assert.deepEqual(find({ q: "Mátch" }), [1]);
});

test("documents are found by ranges of confidence and length", () => {
  const measured = {
    id: ["a", "b", "c"],
    label: [0, 0, 0],
    prediction: [0, 0, 0],
    confidence: [0.5, 0.9, 1],
    tokens: [10, 20, 30],
  };
  const among = (filter) => documentTable.finder(measured, ["", "", ""])({ ...nothing, ...filter });
  assert.deepEqual(among({ confidence: documentTable.range("90-") }), [1, 2]);
  assert.deepEqual(among({ confidence: documentTable.range("-50") }), [0]);
  assert.deepEqual(among({ length: documentTable.range("15-25") }), [1]);
  for (const nonsense of ["", "-", "a-b", "5", "--", "1-2-3"]) assert.equal(documentTable.range(nonsense), null);
});

test("a longer query reads only the texts found before; any other reads all that pass the filters", () => {
  let read = 0;
  const finder = documentTable.finder(rows, {
    at: (i) => {
      read += 1;
      return lower[i];
    },
  });
  const searched = (filter) => {
    read = 0;
    return [finder({ ...nothing, ...filter }), read];
  };
  assert.deepEqual(searched({ q: "m" }), [[1], 3]);
  assert.deepEqual(searched({ q: "Ma" }), [[1], 1]);
  assert.deepEqual(searched({ q: "e ma" }), [[1], 1]);
  assert.deepEqual(searched({ q: "the" }), [[0, 1, 2], 3]);
  assert.deepEqual(searched({ q: "the ", gold: "1" }), [[1, 2], 2]);
  assert.deepEqual(searched({ q: "the p", gold: "1" }), [[2], 2]);
  assert.deepEqual(searched({ q: "the ph" }), [[2], 3]);
  assert.deepEqual(searched({}), [[0, 1, 2], 0]);
});

test("texts to search are folded with their ids, at once where one is asked for", () => {
  const texts = documentTable.folded({ text: ["Éine", "ZWEI"], id: ["A-1", "B-2"] });
  assert.equal(texts.at(1), "zwei\nb-2");
  assert.equal(texts.at(0), "eine\na-1");
});

test("an order found once serves every search", () => {
  const values = [3, 1, 2, 1];
  const order = longTable.sorter(4);
  const column = { name: "x", sort: (i) => values[i] };
  assert.deepEqual(order([0, 1, 2, 3], column, false), [1, 3, 2, 0]);
  assert.deepEqual(order([0, 1, 3], column, true), [0, 1, 3]);
  assert.deepEqual(order([2], column, true), [2]);
});

test("a document without a gold label is neither right nor wrong", () => {
  const unknown = { id: ["a", "b"], label: [null, 0], prediction: [0, 0], outcome: [null, 0] };
  const among = (filter) => documentTable.finder(unknown, ["x", "y"])({ ...nothing, ...filter });
  assert.deepEqual(among({}), [0, 1]);
  assert.deepEqual(among({ outcome: "right" }), [1]);
  assert.deepEqual(among({ outcome: "wrong" }), []);
  assert.deepEqual(among({ gold: "0" }), [1]);
});

test("heads are named by layer and head, vectors of a file by their number", () => {
  assert.equal(headName(67, 12, false), "L5·H7");
  assert.equal(headName(7, 11, true), "V7");
});

test("tokens are found by name, support and kind", () => {
  const tokens = { token: ["bank", "[CLS]", "rare"], documents: [5, 9, 1], special: [0, 1, 0] };
  assert.deepEqual(tokenTable.matching(tokens, { q: "", support: 2, special: false }), [0]);
  assert.deepEqual(tokenTable.matching(tokens, { q: "", support: 1, special: true }), [0, 1, 2]);
  assert.deepEqual(tokenTable.matching(tokens, { q: "RA", support: 1, special: false }), [2]);
  assert.deepEqual(tokenTable.matching(tokens, { q: "Râ", support: 1, special: false }), [2]);
});

test("equal rows keep their order, and a title's clicks go round", () => {
  const key = (i) => [2, 1, 2][i];
  assert.deepEqual(longTable.sortedBy([0, 1, 2], key, true), [0, 2, 1]);
  assert.deepEqual(longTable.sortedBy([0, 1, 2], key, false), [1, 0, 2]);
  const clicks = ["", "-mean", "mean"].map((sort) => longTable.nextSort(sort, "mean", true));
  assert.deepEqual(clicks, ["-mean", "mean", ""]);
});

test("a search heeds neither case nor accents nor quotes, and marks what the text holds", () => {
  const { fold, query, hits } = search;
  assert.equal(fold("Škrlj CAFÉ cafe\u0301"), "skrlj cafe cafe");
  assert.equal(fold("각 हिन्दी"), "각 हिन्दी");
  assert.equal(query(' "Éva B" '), "eva b");
  assert.equal(query('"'), '"');
  const text = "Ein cafe\u0301, ein CAFÉ";
  assert.deepEqual(
    hits(text, query("Café")).map(([start, end]) => text.slice(start, end)),
    ["cafe\u0301", "CAFÉ"],
  );
  assert.deepEqual(hits("aa", ""), []);
});

test("an excerpt begins a few words before its first hit, and no shorter text hides one", () => {
  const excerpt = (text, query, length) => text.slice(...longTable.excerpt(text, search.hits(text, query), length));
  const text = `${"one two ".repeat(60)}needle${" three".repeat(60)}`;
  assert.match(excerpt(text, "needle", 100), /^one two one two needle three/);
  assert.equal(excerpt(text, "needle", 100).length, 100);
  assert.match(excerpt(`${"one two ".repeat(10)}needle`, "needle", 200), /^one two one two needle$/);
  assert.equal(excerpt(`${"x".repeat(90)}needle`, "needle", 200), "needle");
  assert.equal(excerpt("a needle in short", "needle", 100), "a needle in short");
  assert.equal(excerpt(text, "", 7), "one two");
});

test("tokens of a shaded text have their places and shades", () => {
  const spelled = (...numbers) => String.fromCharCode(...numbers.map((number) => 93 + number));
  const facts = { base: 93, levels: 31, signedLevels: 15 };
  assert.deepEqual(shadedTexts.placesOf(spelled(0, 3, 1, 2, 0, 40), 93), [
    [0, 3],
    [4, 6],
    [6, 46],
  ]);
  assert.deepEqual(shadedTexts.shadesOf(spelled(0, 31), facts, false), ["", "shade-31"]);
  assert.deepEqual(shadedTexts.shadesOf(spelled(0, 15, 30), facts, true), ["against-15", "", "for-15"]);
  assert.equal(shadedTexts.shadesOf("", facts, true), null);
});

test("rows that arrive in pieces are joined in order", () => {
  tableRows.add("numbers", { first: 0, id: ["a"], n: [1] });
  tableRows.add("numbers", { first: 1, id: ["b"], n: [2] });
  assert.deepEqual(tableRows.get("numbers"), { id: ["a", "b"], n: [1, 2] });
  assert.deepEqual(tableRows.take("numbers"), { id: ["a", "b"], n: [1, 2] });
  assert.equal(tableRows.get("numbers"), undefined);
});

test("a range of tokens is read from the address, and nonsense means all", () => {
  const doc = { tokens: 50 };
  assert.deepEqual(documentPage.shownSpan(doc, "10-19"), [10, 20]);
  for (const text of ["", "20-10", "10-50", "a-b", "-1-5", "5"])
    assert.deepEqual(documentPage.shownSpan(doc, text), [0, 50]);
});

test("keys zoom about a place and stay within the tokens", () => {
  assert.deepEqual(zoomKeys.zoomed([0, 100], 0.5, 50, 100), [25, 75]);
  assert.deepEqual(zoomKeys.zoomed([25, 75], 2, 50, 100), [0, 100]);
  assert.deepEqual(zoomKeys.zoomed([0, 100], 0.5, 99.5, 100), [50, 100]);
  assert.deepEqual(zoomKeys.zoomed([0, 100], 0.5, 0.5, 100), [0, 50]);
  assert.deepEqual(zoomKeys.zoomed([7, 8], 0.5, 7.5, 100), [7, 8]);
  assert.deepEqual(zoomKeys.zoomed([7, 9], Infinity, 8, 100), [0, 100]);
});
