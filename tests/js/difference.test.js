import assert from "node:assert/strict";
import test from "node:test";
import { difference } from "../../templates/assets/js/compare/difference.js";
import { scatter } from "../../templates/assets/js/compare/scatter.js";
import { scrolling } from "../../templates/assets/js/page_controls/scrolling.js";

const { axisOf, apart, cloud, pairOf, ofHeads, ofClasses, ofDocuments } = difference;
const points = (pairs) => pairs.map(([name, left, right]) => ({ name, left, right }));

test("a measure lies on the axis of all", () => {
  assert.deepEqual([0, 5, 10, 99].map(axisOf([0, 10, null], false).place), [0, 50, 100, 100]);
  assert.deepEqual(
    [0.01, 0.1, 1].map((value) => Math.round(axisOf([0.01, 1], true).place(value))),
    [0, 50, 100],
  );
  assert.equal(axisOf([0, 1], true).logarithmic, false); // there is no logarithm of 0
  assert.equal(axisOf([3, 3], false).place(3), 0);
});

test("ratios and differences are written as such", () => {
  assert.equal(apart(0.2, 0.1, true), "× 2.0");
  assert.equal(apart(0.1, 0.2, false), "−0.10");
  assert.equal(apart(1040, 20, false), "+1,020");
  assert.equal(apart(null, 0.2, false), "–");
  assert.equal(apart(0.04, 0.05, false, true), "−1 point");
  assert.equal(apart(0.87, 0.5, false, true), "+37 points");
});

test("what a whole side has more of is no difference between words", () => {
  const found = cloud(
    points([
      ["a", 0.1, 0.01],
      ["b", 0.2, 0.02],
      ["c", 0.3, 0.03],
      ["d", 0.4, 0.01],
      ["e", 0.1, 0.04],
      ["f", 0, 0.2],
      ["g", null, 0.2],
    ]),
    true,
  );
  assert.ok(Math.abs(Math.exp(found.level) - 10) < 1e-9);
  assert.deepEqual(
    found.more.map(({ name }) => name),
    ["d"],
  );
  assert.deepEqual(
    found.less.map(({ name }) => name),
    ["e"],
  );
  assert.ok(Math.abs(Math.exp(found.more[0].apart) - 4) < 1e-9);
  assert.equal(found.points.length, 5); // what one side lacks is not compared
});

test("differences have no level", () => {
  const found = cloud(
    points([
      ["a", 3, 1],
      ["b", 5, 1],
      ["c", -1, 1],
    ]),
    false,
  );
  assert.equal(found.level, 0);
  assert.deepEqual(
    [found.more, found.less].map((side) => side.map(({ name, apart: by }) => [name, by])),
    [
      [
        ["b", 4],
        ["a", 2],
      ],
      [["c", -2]],
    ],
  );
});

test("a pair is found in the list of all, whichever comes first", () => {
  const pairs = { order: [0, 1, 2], steps: 10, values: [1, 2, 3], beyond: "010" };
  assert.deepEqual(pairOf(pairs, 0, 2), { value: 0.2, beyond: true });
  assert.deepEqual(pairOf(pairs, 2, 1), { value: 0.3, beyond: false });
});

test("two heads are compared by every metric and word", () => {
  const data = {
    heads: 2,
    vectors: false,
    items: ["x", "y"],
    values: [
      [1, 2],
      [3, 4],
      [5, 6],
      [7, 8],
    ],
    likeness: {},
    metrics: [
      { title: "mean", values: [1, 2, 3, 4], logarithmic: true },
      { title: "role", values: [0, 1, 1, 0], categories: ["self", "broad"] },
    ],
  };
  const { names, measures, words, clouds } = ofHeads(data, "0.1", "1.0");
  assert.deepEqual(names, ["L0·H1", "L1·H0"]);
  assert.deepEqual([measures[0].left, measures[0].right], [2, 3]);
  assert.deepEqual(words, [{ title: "role", left: "broad", right: "broad" }]);
  assert.deepEqual(clouds[0].points.map(({ name, left, right, page }) => [name, left, right, page]).sort(), [
    ["x", 3, 5, "tokens.html#token=x"],
    ["y", 4, 6, "tokens.html#token=y"],
  ]);
});

test("two classes are compared by their scores, heads and words; what was not tested is left out", () => {
  const data = {
    scores: [{ title: "F1", values: [0.5, null, 1] }],
    effects: [
      [0.1, -0.2],
      [0, 0],
      [0.3, null],
    ],
    items: ["x"],
    values: [[2], [0], [null]],
    clear_heads: [[], [0], [0]],
    clear_items: [[], [0], []],
    nouns: ["label", "labels"],
    q_too_small: true,
  };
  const { names, measures, clouds } = ofClasses(data, 0, 2, ["a", "b", "c"], { heads: 2, vectors: false });
  assert.deepEqual(names, ["a", "c"]);
  assert.equal(measures[0].axis.place(0.5), 50);
  assert.deepEqual(
    clouds.map(({ points: all }) => all.length),
    [0, 1],
  );
  assert.equal(clouds[1].points[0].clear, true); // in one of both classes
  assert.ok(clouds.every(({ nouns, qTooSmall }) => nouns[0] === "label" && qTooSmall));
  assert.equal(ofClasses(data, 0, 1, ["a", "b", "c"], { heads: 2, vectors: false }).clouds[0].points[0].clear, true);
});

test("two documents share words, and heads where both pages hold all of them", () => {
  const left = {
    name: "Document 1",
    tokens: 5,
    lite: false,
    heads: [0.1, 0.2],
    words: [
      ["a", 0.5],
      ["b", 0.1],
    ],
    classes: [["x", 0.9]],
  };
  const right = {
    name: "Document 2",
    tokens: 9,
    lite: false,
    heads: [0.3, 0.4],
    words: [
      ["b", 0.2],
      ["c", 0.1],
    ],
    classes: [["x", 0.2]],
  };
  const { clouds, measures } = ofDocuments(left, right, { heads: 2, vectors: false });
  assert.deepEqual(
    clouds.map(({ title }) => title),
    ["Heads", "Words of both"],
  );
  assert.deepEqual(
    clouds[1].points.map(({ name }) => name),
    ["b"],
  );
  assert.deepEqual([measures[0].left, measures[0].right], [0.9, 0.2]);
  assert.deepEqual(
    ofDocuments(left, { ...right, lite: true, heads: [0.1] }, { heads: 2, vectors: false }).clouds.map(
      ({ title }) => title,
    ),
    ["Words of both"],
  );
});

test("two documents of a regression have values on the scale of all, and errors", () => {
  const document = (rows) => ({
    name: "Document",
    tokens: 5,
    lite: false,
    heads: [0.1],
    words: [],
    classes: [],
    values: { scale: [0, 10], rows },
  });
  const known = document([
    ["predicted", 5],
    ["gold", 7.5],
    ["error", -2.5],
  ]);
  const of = (right) => ofDocuments(known, right, { heads: 1, vectors: false }).measures;
  const [predicted, gold, error, tokens] = of(document([["predicted", 2]]));
  assert.deepEqual(
    [predicted, gold, error, tokens].map(({ title, left, right }) => [title, left, right]),
    [
      ["predicted value", 5, 2],
      ["gold value", 7.5, null],
      ["error", -2.5, null],
      ["tokens", 5, 5],
    ],
  );
  assert.equal(gold.axis.place(7.5), 75);
  assert.deepEqual([error.axis.place(-2.5), error.axis.place(0)], [0, 100]);
  assert.deepEqual(
    of({ ...known, values: null }).map(({ title }) => title),
    ["tokens"],
  );
});

test("both axes of a scatter are one, and its ticks are round", () => {
  const scale = scatter.scaleOf({
    points: points([
      ["a", 0.01, 0.1],
      ["b", 0.02, 0.03],
    ]),
    logarithmic: true,
  });
  assert.ok(scale.place(0.01) > 0 && scale.place(0.1) < scatter.SIZE);
  assert.deepEqual(scatter.ticks(0.009, 0.11, true), [0.01, 0.02, 0.05, 0.1]);
  assert.deepEqual(scatter.ticks(1e-4, 1, true), [1e-4, 1e-3, 0.01, 0.1, 1]);
  assert.deepEqual(scatter.ticks(-1.2, 2.3, false), [-1, 0, 1, 2]);
});

test("a box marks the sides on which there is more to see", () => {
  const { more } = scrolling;
  assert.equal(more({ scrollLeft: 0, scrollWidth: 300, clientWidth: 300 }), "");
  assert.equal(more({ scrollLeft: 0, scrollWidth: 500, clientWidth: 300 }), "end");
  assert.equal(more({ scrollLeft: 100, scrollWidth: 500, clientWidth: 300 }), "start end");
  assert.equal(more({ scrollLeft: -200, scrollWidth: 500, clientWidth: 300 }), "start");
});
