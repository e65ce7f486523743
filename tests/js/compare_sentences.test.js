import assert from "node:assert/strict";
import test from "node:test";
import { difference } from "../../templates/assets/js/compare/difference.js";
import { compareSentences } from "../../templates/assets/js/compare/compare_sentences.js";

const { finding, nothing, level } = compareSentences;
const names = ["A", "B"];
const said = (found) =>
  finding({ names, likeness: null, ...found })
    .map((part) => part.name ?? part)
    .join("");
const points = (...rows) => rows.map(([name, left, right, clear]) => ({ name, left, right, clear }));
const cloudOf = (rows, logarithmic, others) => ({ ...difference.cloud(points(...rows), logarithmic), ...others });
const UNTESTED = "The two classes were not tested against each other. ";
const OF_CLASSES = { nouns: ["class", "classes"], qTooSmall: false };
const use = (...rows) => cloudOf(rows, false, { title: "Words", tested: "use", ...OF_CLASSES });

test("numbers without a test say so", () => {
  const three = [["a", 4, 1], ["b", 1, 1], ["c", 1, 4]]; // prettier-ignore
  const cloud = cloudOf(three, true, { title: "Words of both", place: "at" });
  assert.equal(
    said({ clouds: [cloud] }),
    "Not tested against chance: of 3 words of both, at the same overall level, the self-attention of A exceeds that " +
      "of B most at a, and falls below it most at c. ",
  );
  assert.equal(said({ clouds: [cloudOf([["a", 4, 1]], true, { title: "Words", place: "at" })] }), "");
});

test("of classes only what is beyond chance is named", () => {
  assert.equal(
    said({ clouds: [use(["a", 4, 1, true], ["b", 9, 1, false], ["c", 1, 4, true])] }),
    "Of the words whose use in documents of one of the classes differs beyond chance from that of all others " +
      "(q < 0.05), " +
      `A uses more of a; B uses more of c. ${UNTESTED}`,
  );
  assert.ok(said({ clouds: [use(["a", 4, 1, true], ["b", 1, 9, false])] }).endsWith(`, A uses more of a. ${UNTESTED}`));
  const heads = cloudOf([["L0·H1", 1, 2, true]], false, { title: "Heads", tested: "self-attention", ...OF_CLASSES });
  assert.ok(said({ clouds: [heads] }).endsWith(`, B has more self-attention in L0·H1. ${UNTESTED}`));
});

test("labels are called labels, and q of dependent documents too small where something was found", () => {
  const nouns = ["label", "labels"];
  const [found, nothingFound] = [true, false].map((clear) => ({ ...use(["a", 4, 1, clear]), nouns, qTooSmall: true }));
  assert.equal(
    said({ clouds: [found] }),
    "Of the words whose use in documents of one of the labels differs beyond chance from that of all others " +
      "(q < 0.05; documents of one input row count as independent, so q is too small), A uses more of a. " +
      "The two labels were not tested against each other. ",
  );
  assert.equal(
    said({ clouds: [nothingFound] }),
    "In documents of neither label does the use of a word differ beyond chance from that of all others (q < 0.05). ",
  );
});

test("of many, their number and the first ones are named", () => {
  const [left, right] = [[9, 8, 7, 6, 5], [1, 1, 1, 1, 1]]; // prettier-ignore
  const rows = left.map((value, i) => ["abcde"[i], value, right[i], true]);
  assert.ok(said({ clouds: [use(...rows)] }).includes(", A uses more of 5, most of a, b, c. "));
  const heads = cloudOf([...rows, ["f", 1, 90], ["g", 1, 80], ["h", 1, 70], ["i", 1, 60]], true, {
    title: "Heads",
    place: "in",
  });
  assert.ok(
    said({ clouds: [heads] }).endsWith("exceeds that of B most in a, b, c, and falls below it most in f, g, h. "),
  );
});

test("not compared and nothing found are two sentences", () => {
  assert.equal(said({ clouds: [use()] }), "The use of words was not compared. ");
  assert.equal(
    said({ clouds: [use(["a", 4, 1, false])] }),
    "In documents of neither class does the use of a word differ beyond chance from that of all others (q < 0.05). ",
  );
});

test("the likeness of heads stands beside chance, or was not compared", () => {
  const likeness = [
    { name: "fuji", value: 0.5, beyond: true },
    { name: "jensen_shannon", value: 0.25, beyond: false },
  ];
  assert.equal(
    said({ clouds: [], likeness }),
    "They rank tokens alike beyond chance (FUJI 0.500). They are not shown to spread self-attention within " +
      "documents alike beyond chance (Jensen-Shannon 0.250). ",
  );
  assert.equal(said({ clouds: [], likeness: [] }), "Their likeness was not compared. ");
});

test("the line of the picture is explained", () => {
  assert.equal(level({ logarithmic: false }, names), "On the line both sides are equal.");
  assert.ok(level({ logarithmic: true, level: -Math.log(2) }, names).endsWith("B has 2.0 times as much as A."));
  assert.ok(level({ logarithmic: true, level: 0.001 }, names).endsWith("both have as much."));
  const even = Math.log(121 / 96);
  assert.ok(
    level({ logarithmic: true, level: 0.001, even }, names).endsWith(
      "both have as much. Because of their lengths, even attention gives A 1.3 times as much.",
    ),
  );
  assert.ok(level({ logarithmic: true, level: 0.001, even: 0 }, names).endsWith("Their lengths give both as much."));
  assert.equal(nothing({ title: "Heads" }), "Nothing to compare: fewer than two heads have a value on both sides.");
});
