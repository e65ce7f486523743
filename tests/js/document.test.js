import assert from "node:assert";
import test from "node:test";
import { attention } from "../../templates/assets/js/document/attention.js";
import { normalise } from "../../templates/assets/js/document/normalise.js";
import { numberAxis } from "../../templates/assets/js/document/number_axis.js";
import { pinnedRows } from "../../templates/assets/js/document/pinned_rows.js";
import { headStats } from "../../templates/assets/js/document_views/head_stats.js";
import { linearAxis } from "../../templates/assets/js/document_views/linear_axis.js";
import { moreWays } from "../../templates/assets/js/document_views/more_ways.js";
import { pinNote } from "../../templates/assets/js/document_views/pin_note.js";
import { sequenceRows } from "../../templates/assets/js/document_views/sequence_rows.js";
import { spread } from "../../templates/assets/js/document_views/spread.js";
import { mergedWords } from "../../templates/assets/js/words/merged_words.js";
import { arrive } from "./arrive.js";

arrive({ headStats, linearAxis, moreWays });

test("a logarithmic axis covers whole decades and sets tiny values apart", () => {
  const plain = numberAxis.logarithmic(0.002, 300);
  assert.equal(plain.below, null);
  assert.deepEqual(
    plain.ticks.map(({ label }) => label),
    ["1", "0.1", "0.01", "0.001"],
  );
  assert.equal(plain.y(1), 0);
  assert.equal(plain.y(0.001), 300);
  const broken = numberAxis.logarithmic(0, 300);
  assert.equal(broken.ticks.at(-1).label, "1e−6");
  assert.ok(broken.y(0) > broken.y(1e-6));
  assert.ok(broken.y(0) <= 300);
});

test("a linear axis begins at 0 and holds the highest value", () => {
  const made = linearAxis(0.47, 200);
  assert.equal(made.y(0), 200);
  assert.ok(made.y(0.47) >= 0);
  assert.equal(made.ticks[0].label, "0");
});

test("an axis of normalised numbers reaches as far as they do", () => {
  const norm = { name: "length", linear: false };
  const made = numberAxis.of(norm, "log", { min: [0.02, 0.5], max: [3, 40] }, 200);
  assert.deepEqual(
    made.ticks.map(({ label }) => label),
    ["100", "10", "1", "0.1", "0.01"],
  );
  assert.equal(made.below, null);
  assert.ok(numberAxis.of(norm, "log", { min: [0, 0.5], max: [3, 40] }, 200).below > 0);
  assert.deepEqual(
    numberAxis.of(norm, "linear", { min: [0], max: [43] }, 200, [0]).ticks.map(({ label }) => label),
    ["0", "10", "20", "30", "40", "50"],
  );
  const special = numberAxis.of(norm, "linear", { min: [0, 0], max: [430, 43] }, 200, [1, 0]);
  assert.equal(special.top, 50);
  assert.equal(special.y(430), 0);
  assert.equal(numberAxis.of(norm, "linear", { min: [0], max: [43] }, 200, [1]).top, 50);
  assert.equal(numberAxis.of({ name: "rank", linear: true }, "log", { min: [0.1], max: [0.9] }, 200).y(1), 0);
});

// One layer of two heads over four tokens: a special one, two ordinary ones, a full stop.
// A code is its value in tenths.
const doc = () => {
  const made = {
    layers: 1,
    heads: 2,
    length: 4,
    rows: 2,
    tokens: 4,
    special: Uint8Array.of(1, 0, 0, 0),
    punctuation: Uint8Array.of(0, 0, 0, 1),
    values: Float64Array.from({ length: 256 }, (_, code) => code / 10),
    codes: Uint8Array.of(9, 2, 4, 9, 9, 1, 1, 4),
    aggregates: { __proto__: null, range: Float64Array.of(0, 1, 3, 5) },
    usual: Float64Array.of(0.4, 0.1),
    varied: [1],
    definition: "paper",
    name: (row) => `H${row}`,
    value: (row, token) => made.values[made.codes[row * 4 + token]],
  };
  attention.skip(made, false);
  return made;
};

test("punctuation counts unless the reader leaves it out, special tokens never", () => {
  const made = doc();
  assert.deepEqual(
    [...made.headMeans].map((mean) => Number(mean.toFixed(6))),
    [0.5, 0.2],
  );
  attention.skip(made, true);
  assert.deepEqual(
    [...made.headMeans].map((mean) => Number(mean.toFixed(6))),
    [0.3, 0.1],
  );
});

test("each way to normalise says what it should", () => {
  const made = doc();
  const numbers = (name) => {
    const norm = normalise(made, name, [0.01, 1]);
    return [1, 2].map((token) => Number(norm.number(0, token).toFixed(4)));
  };
  assert.deepEqual(numbers("value"), [0.2, 0.4]);
  assert.deepEqual(numbers("relative"), [0.4, 0.8]);
  assert.deepEqual(numbers("median"), [0.5, 1]);
  assert.deepEqual(numbers("length"), [0.8, 1.6]);
  assert.deepEqual(numbers("rank"), [0.1667, 0.5]);
  assert.equal(normalise(made, "nonsense", [0.01, 1]).ends[1], "6");
});

test("the spread of normalised numbers is that of the columns", () => {
  const made = doc();
  const { mean, std, max, min, range } = spread.of(made, normalise(made, "value", [0.01, 1]));
  assert.deepEqual(
    [mean[1], max[1], min[1], range[1]].map((value) => Number(value.toFixed(4))),
    [0.15, 0.2, 0.1, 0.1],
  );
  assert.ok(Math.abs(std[1] - Math.hypot(0.05, 0.05)) < 1e-12);
});

test("both definitions of entropy are those of their sources", () => {
  assert.ok(Math.abs(spread.entropy([0.5, 0.25, 0.25]) - (0.5 * Math.log(2) + 0.5 * Math.log(4)) / 3) < 1e-12);
  assert.equal(spread.entropy([1, 1]) + 0, 0);
  assert.ok(Math.abs(spread.binnedEntropy([0.111, 0.112, 0.5, 0.5]) - Math.log(2) / 2) < 1e-12);
});

test("what the reader makes of a pin survives the address", () => {
  const made = doc();
  const pins = [
    { key: "0.1", row: 1, colour: "#0072b2", name: "a ~ b, c 100 %", underline: true, highlight: false, hidden: true },
    { key: "range", row: -1, colour: "#d55e00", name: "", underline: false, highlight: true, hidden: false },
  ];
  assert.deepEqual(pinnedRows.parse(made, pinnedRows.write(pins)), pins);
  assert.equal(pinnedRows.write(pins), "0.1~~ux~a%20%7E%20b%2C%20c%20100%20%25,range~~b");
  assert.equal(pinnedRows.write([{ ...pins[1], highlight: false }]), "range~d55e00");
  assert.deepEqual(
    pinnedRows.parse(made, undefined).map(({ row }) => row),
    [1],
  );
  assert.deepEqual(
    pinnedRows.parse(made, "9.9,x,0.0~zzz~?~%E0%A4%A,0.0").map(({ key, colour, name }) => [key, colour, name]),
    [["0.0", "#0072b2", ""]],
  );
});

test("pins keep their colours when others come and go", () => {
  const made = { ...doc(), heads: 9, rows: 9 };
  const colours = (pins) => Object.fromEntries(pins.map(({ key, colour }) => [key, colour]));
  const pins = pinnedRows.parse(made, "0.0,0.1,0.2");
  const fewer = pinnedRows.parse(made, pinnedRows.write(pinnedRows.toggled(made, pins, "0.0")));
  assert.deepEqual(colours(fewer), { 0.1: "#d55e00", 0.2: "#009e73" });
  const more = pinnedRows.toggled(made, fewer, "0.5");
  assert.deepEqual(colours(more), { ...colours(fewer), 0.5: "#0072b2" });
  const full = pinnedRows.parse(made, "0.0,0.1,0.2,0.3,0.4,0.5,0.6,0.7");
  const ninth = pinnedRows.toggled(made, full, "0.8");
  assert.deepEqual(colours(ninth.slice(0, 7)), colours(full.slice(1)));
  assert.equal(new Set(Object.values(colours(ninth))).size, 8);
  assert.deepEqual(pinnedRows.toggled(made, full, "nonsense"), full);
});

test("what there is no room for is found, and nothing else", () => {
  const pins = (...keys) => keys.map((key) => ({ key }));
  const left = (...lists) => pinNote.leftOut(...lists).map(({ key }) => key);
  const [eight, other] = [pins(..."abcdefgh"), pins(..."bcdefghi")];
  assert.deepEqual(left(eight, other, other), ["a"]);
  assert.deepEqual(left(eight, pins(..."bcdefgh"), pins(..."bcdefgh")), []);
  assert.deepEqual(left(pins(..."abcdefghij"), pins(..."abcdefghij"), eight), ["i", "j"]);
  assert.deepEqual(left(eight, pins(..."ijklmnop"), pins(..."ijklmnop")), []);
});

test("a ninth pin takes the place of the oldest, and pinning twice unpins", () => {
  const made = { ...doc(), heads: 9, rows: 9 };
  const pins = pinnedRows.parse(made, "0.0,0.1,0.2,0.3,0.4,0.5,0.6,0.7");
  assert.deepEqual(
    pinnedRows
      .toggled(made, pins, "0.8")
      .map(({ key }) => key)
      .slice(-2),
    ["0.7", "0.8"],
  );
  assert.equal(pinnedRows.toggled(made, pins, "0.8").length, 8);
  assert.equal(pinnedRows.toggled(made, pins, "0.3").length, 7);
});

test("the heads that vary most come first", () => {
  assert.deepEqual(sequenceRows.mostVaried(doc()), [0, 1]);
});

// "cyber", "##se", "cur": a word of two pieces between a special token and a word of one.
const pieces = () =>
  attention.complete({
    ...doc(),
    text: "cyberse cur",
    tokens: 4,
    starts: Int32Array.of(0, 0, 5, 8),
    ends: Int32Array.of(0, 5, 7, 11),
    continues: Uint8Array.of(0, 0, 1, 0),
    windows: [2],
    named: (token) => ({ 0: "[CLS]", 1: "cyber" })[token],
    values: Float64Array.from({ length: 256 }, (_, code) =>
      code ? 1e-6 * Math.exp((code - 1) * (Math.log(1e6) / 254)) : 0,
    ),
    codes: Uint8Array.of(255, 200, 150, 9, 255, 100, 180, 4),
    aggregates: Object.fromEntries(
      ["mean", "entropy", "std", "max", "min", "range", "rollout"].map((name) => [name, Float64Array.of(1, 2, 3, 4)]),
    ),
    measures: ["rollout"],
  });

test("pieces become words by their mean, their maximum or the first of them", () => {
  const whole = pieces();
  for (const [way, expected] of [
    ["first", [200, 100]],
    ["max", [200, 180]],
  ]) {
    const { doc: merged } = mergedWords.merge(whole, way);
    assert.deepEqual([merged.codes[1], merged.codes[merged.tokens + 1]], expected);
    assert.deepEqual([...merged.aggregates.rollout], [1, way === "max" ? 3 : 2, 4]);
  }
  const { doc: merged, wordOf, firsts } = mergedWords.merge(whole, "mean");
  assert.equal(merged.tokens, 3);
  assert.deepEqual([...wordOf], [0, 1, 1, 2]);
  assert.deepEqual([0, 1, 2].map(merged.word), ["[CLS]", "cyberse", "cur"]);
  assert.deepEqual(merged.windows, [1]);
  assert.equal(merged.named(1), undefined);
  const exact = (whole.value(0, 1) + whole.value(0, 2)) / 2;
  assert.ok(Math.abs(merged.value(0, 1) / exact - 1) < 0.0276);
  assert.equal(merged.value(1, 2), whole.value(1, 3));
  assert.equal(merged.aggregates.mean[2], 4);
  assert.deepEqual([...merged.aggregates.rollout], [1, 2.5, 4]);
  assert.ok(Math.abs(merged.aggregates.mean[1] - (merged.value(0, 1) + merged.value(1, 1)) / 2) < 1e-12);
  let now = { token: 1, row: 0, held: false };
  const own = mergedWords.cursorOfPieces(
    {
      get: () => now,
      hover: (token, row) => {
        now = { token, row, held: false };
      },
    },
    { firsts, wordOf },
  );
  assert.equal(own.get().token, 1);
  assert.equal(own.get(), own.get());
  own.hover(3, 1);
  assert.deepEqual([now.token, own.get().token], [2, 3]);
});
