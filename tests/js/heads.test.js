import { test } from "node:test";
import assert from "node:assert/strict";
import { headsPage } from "../../templates/assets/js/heads/heads_page.js";
import { importanceTable } from "../../templates/assets/js/heads/importance_table.js";
import { likenessMatrix } from "../../templates/assets/js/heads/likeness_matrix.js";
import { tokenDetail } from "../../templates/assets/js/token_table/token_detail.js";

const palette = { css: Array.from({ length: 256 }, (_, i) => `rgb(${i} 0 0)`), line: "none" };

test("a matrix of likeness is read, with the breaks between groups", () => {
  const part = {
    order: [2, 0, 1],
    cluster: [1, 1, 0],
    falling: false,
    range: [0.2, 0.6],
    steps: 1000,
    values: [200, 600, 400],
    beyond: "100",
  };
  const matrix = likenessMatrix.read(part);
  assert.equal(matrix.value(0, 2), 0.6);
  assert.equal(matrix.value(2, 0), 0.6);
  assert.equal(matrix.value(1, 2), 0.4);
  assert.equal(matrix.beyond(0, 1), true);
  assert.equal(matrix.beyond(0, 2), false);
  assert.deepEqual(matrix.breaks, [1]);
  assert.equal(matrix.place(0.2), 255); // a small distance is the most similar
  assert.equal(matrix.place(0.6), 0);
});

test("a metric of numbers runs over the whole ramp, and a missing one has no colour", () => {
  const { colour, words, legend } = headsPage.colouring({ values: [-1, 0, null, 1], logarithmic: false }, palette);
  assert.deepEqual([colour(-1), colour(1), colour(null)], ["rgb(0 0 0)", "rgb(255 0 0)", "none"]);
  assert.equal(words(null), "–");
  assert.deepEqual(
    legend.map(([, text]) => text),
    ["−1.0", "1.0"],
  );
  assert.match(legend[1][0], /^linear-gradient\(to right, rgb\(0 0 0\), .*rgb\(255 0 0\)\)$/);
});

test("one head near 0 does not take the ramp from all others", () => {
  const values = [1e-6, ...Array.from({ length: 99 }, (_, i) => 0.01 + i / 1000)];
  const { colour, legend } = headsPage.colouring({ values, logarithmic: true }, palette);
  assert.deepEqual([colour(1e-6), colour(0.108)], ["rgb(0 0 0)", "rgb(255 0 0)"]);
  assert.equal(legend[0][1], "up to 0.011");
});

test("equal numbers have one colour", () => {
  const { colour } = headsPage.colouring({ values: [0.5, 0.5], logarithmic: true }, palette);
  assert.equal(colour(0.5), "rgb(0 0 0)");
});

test("values around 0 have a colour on each side, as strong as they are far from it", () => {
  const now = { dark: false, paper: "#ffffff", line: "none" };
  const { colour, words, legend } = headsPage.colouring({ values: [-0.1, 0, null, 0.4], diverging: true }, now);
  const channels = (value) => colour(value).match(/\d+/g).map(Number);
  assert.deepEqual(channels(0.4), [0, 114, 178]);
  assert.ok(Math.min(...channels(0)) > 252);
  const [red, green, blue] = channels(-0.1);
  assert.ok(red > 240 && green > 210 && green < 219 && blue < 197, "a quarter of the way from paper to orange");
  assert.equal(colour(null), "none");
  assert.equal(words(null), "–");
  assert.deepEqual(
    legend.map(([, text]) => text),
    ["−0.40", "0.40"],
  );
  assert.match(legend[1][0], /^linear-gradient\(to right, rgb\(213, 94, 0\), .*rgb\(0, 114, 178\)\)$/);
});

test("nothing but zeros has the colour of 0", () => {
  const now = { dark: false, paper: "#ffffff", line: "none" };
  const { colour } = headsPage.colouring({ values: [0, 0], diverging: true }, now);
  assert.match(colour(0), /^rgb\(25\d, 25\d, 25\d\)$/);
});

test("categories are counted and named", () => {
  const { words, legend } = headsPage.colouring({ values: [1, 0, 1], categories: ["group 1", "group 2"] }, palette);
  assert.equal(words(1), "2");
  assert.deepEqual(
    legend.map(([, text]) => text),
    ["group 1: 1", "group 2: 2"],
  );
  assert.notEqual(legend[0][0], legend[1][0]);
});

test("means of a token in every head are decoded from their codes", () => {
  assert.deepEqual(
    tokenDetail.decode("0001ff").map((value) => Number(value.toPrecision(6))),
    [0, 1e-6, 1],
  );
});

test("rows are sorted both ways, and missing values come last", () => {
  const values = [3, null, -1, 3];
  assert.deepEqual(importanceTable.ordered([0, 1, 2, 3], values, false), [2, 0, 3, 1]);
  assert.deepEqual(importanceTable.ordered([0, 1, 2, 3], values, true), [0, 3, 2, 1]);
});

test("only what can be distinguished from zero falls or rises", () => {
  const columns = {
    head: [4, 7, 0, 2, null],
    judged: [-0.5, 0.5, -0.5, 0, -1],
    clear: [true, true, false, false, true],
    flips: [0, 1, 2, 0, 3],
  };
  const shown = (which) => [...importanceTable.shownHeads(columns, which)];
  assert.deepEqual(shown(""), [4, 7, 0, 2]);
  assert.deepEqual(shown("falls"), [4]);
  assert.deepEqual(shown("rises"), [7]);
  assert.deepEqual(shown("flips"), [7, 0]);
  assert.deepEqual(shown("anything else"), shown(""));
});
