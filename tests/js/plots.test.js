"use strict";
const assert = require("node:assert");
const test = require("node:test");
const attviz = require("./load")("core/elements", "core/scale", "core/palette", "document/stats", "later/head_stats", "document/attention", "document/pins", "document/norm", "words/merge", "document/axis", "later/linear_axis", "later/spread", "later/sequence_rows", "later/pin_note");
const { axis } = attviz;

// As many heads as can be pinned.
const N_PINS = attviz.palette.PINS.length;
const MOST_PINS = Array.from({ length: N_PINS }, (_, head) => `0.${head}`).join(",");

test("a logarithmic axis covers whole decades and sets tiny values apart", () => {
  const plain = axis.logarithmic(0.002, 300);
  assert.equal(plain.below, null);
  assert.deepEqual(plain.ticks.map(({ label }) => label), ["1", "0.1", "0.01", "0.001"]);
  assert.equal(plain.y(1), 0);
  assert.equal(plain.y(0.001), 300);
  const broken = axis.logarithmic(0, 300);
  assert.equal(broken.ticks.at(-1).label, "1e-6");
  assert.ok(broken.y(0) > broken.y(1e-6));
  assert.ok(broken.y(0) <= 300);
});

test("a linear axis begins at 0 and holds the highest value", () => {
  const made = axis.linear(0.47, 200);
  assert.equal(made.y(0), 200);
  assert.ok(made.y(0.47) >= 0);
  assert.equal(made.ticks[0].label, "0");
});

test("an axis of normalised numbers reaches as far as they do", () => {
  const norm = { name: "length", linear: false };
  const made = axis.of(norm, "log", { min: [0.02, 0.5], max: [3, 40] }, 200);
  assert.deepEqual(made.ticks.map(({ label }) => label), ["100", "10", "1", "0.1", "0.01"]);
  assert.equal(made.below, null);
  assert.ok(axis.of(norm, "log", { min: [0, 0.5], max: [3, 40] }, 200).below > 0);
  assert.deepEqual(axis.of(norm, "linear", { min: [0], max: [43] }, 200).ticks.map(({ label }) => label), ["0", "10", "20", "30", "40", "50"]);
  assert.equal(axis.of({ name: "rank", linear: true }, "log", { min: [0.1], max: [0.9] }, 200).y(1), 0);
});

// One layer of two heads over four tokens: a special one, two ordinary ones, a full stop. A code is its value in tenths.
const doc = () => {
  const made = {
    layers: 1, heads: 2, length: 4, rows: 2, tokens: 4, special: Uint8Array.of(1, 0, 0, 0), punctuation: Uint8Array.of(0, 0, 0, 1),
    values: Float64Array.from({ length: 256 }, (_, code) => code / 10), codes: Uint8Array.of(9, 2, 4, 9, 9, 1, 1, 4),
    aggregates: { __proto__: null, range: Float64Array.of(0, 1, 3, 5) }, usual: Float64Array.of(0.4, 0.1), telling: [1], definition: "paper", name: (row) => `H${row}`, value: (row, token) => made.values[made.codes[row * 4 + token]],
  };
  attviz.attention.skip(made, false);
  return made;
};

test("punctuation counts unless the reader leaves it out, special tokens never", () => {
  const made = doc();
  assert.deepEqual([...made.headMeans].map((mean) => Number(mean.toFixed(6))), [0.5, 0.2]);
  attviz.attention.skip(made, true);
  assert.deepEqual([...made.headMeans].map((mean) => Number(mean.toFixed(6))), [0.3, 0.1]);
});

test("each way to normalise says what it should", () => {
  const made = doc();
  const numbers = (name) => { const norm = attviz.norm(made, name, [0.01, 1]); return [1, 2].map((token) => Number(norm.number(0, token).toFixed(4))); };
  assert.deepEqual(numbers("value"), [0.2, 0.4]);
  assert.deepEqual(numbers("relative"), [0.4, 0.8]);
  assert.deepEqual(numbers("median"), [0.5, 1]);
  assert.deepEqual(numbers("length"), [0.8, 1.6]);
  assert.deepEqual(numbers("rank"), [0.1667, 0.5]);
  assert.equal(attviz.norm(made, "nonsense", [0.01, 1]).ends[1], "6");
});

test("the spread of normalised numbers is that of the columns", () => {
  const made = doc();
  const { mean, std, max, min, range } = attviz.spread.of(made, attviz.norm(made, "value", [0.01, 1]));
  assert.deepEqual([mean[1], max[1], min[1], range[1]].map((value) => Number(value.toFixed(4))), [0.15, 0.2, 0.1, 0.1]);
  assert.ok(Math.abs(std[1] - Math.hypot(0.05, 0.05)) < 1e-12);
});

test("both definitions of entropy are those of their sources", () => {
  assert.ok(Math.abs(attviz.spread.entropy([0.5, 0.25, 0.25]) - (0.5 * Math.log(2) + 0.5 * Math.log(4)) / 3) < 1e-12);
  assert.equal(attviz.spread.entropy([1, 1]) + 0, 0);
  assert.ok(Math.abs(attviz.spread.binnedEntropy([0.111, 0.112, 0.5, 0.5]) - Math.log(2) / 2) < 1e-12);
});

test("what the reader makes of a pin survives the address", () => {
  const made = doc();
  const pins = [
    { key: "0.1", row: 1, colour: "#0072b2", name: "a ~ b, c 100 %", underline: true, highlight: false, hidden: true },
    { key: "range", row: -1, colour: "#d55e00", name: "", underline: false, highlight: true, hidden: false },
  ];
  assert.deepEqual(attviz.pins.parse(made, attviz.pins.write(pins)), pins);
  assert.equal(attviz.pins.write(pins), "0.1~~ux~a%20%7E%20b%2C%20c%20100%20%25,range~~b");
  assert.equal(attviz.pins.write([{ ...pins[1], highlight: false }]), "range~d55e00");
  assert.deepEqual(attviz.pins.parse(made, undefined).map(({ row }) => row), [1]);
  assert.deepEqual(attviz.pins.parse(made, "9.9,x,0.0~zzz~?~%E0%A4%A,0.0").map(({ key, colour, name }) => [key, colour, name]), [["0.0", "#0072b2", ""]]);
});

test("pins keep their colours when others come and go", () => {
  const made = { ...doc(), heads: N_PINS + 1, rows: N_PINS + 1 };
  const colours = (pins) => Object.fromEntries(pins.map(({ key, colour }) => [key, colour]));
  const pins = attviz.pins.parse(made, "0.0,0.1,0.2");
  const fewer = attviz.pins.parse(made, attviz.pins.write(attviz.pins.toggled(made, pins, "0.0")));
  assert.deepEqual(colours(fewer), { 0.1: "#d55e00", 0.2: "#009e73" });
  const more = attviz.pins.toggled(made, fewer, "0.5");
  assert.deepEqual(colours(more), { ...colours(fewer), 0.5: "#0072b2" });
  const full = attviz.pins.parse(made, MOST_PINS);
  const another = attviz.pins.toggled(made, full, `0.${N_PINS}`);
  assert.deepEqual(colours(another.slice(0, -1)), colours(full.slice(1)));
  assert.equal(new Set(Object.values(colours(another))).size, N_PINS);
  assert.deepEqual(attviz.pins.toggled(made, full, "nonsense"), full);
});

test("what there is no room for is found, and nothing else", () => {
  const pins = (...keys) => keys.map((key) => ({ key }));
  const left = (...lists) => attviz.pinNote.leftOut(...lists).map(({ key }) => key);
  const [eight, other] = [pins(..."abcdefgh"), pins(..."bcdefghi")];
  assert.deepEqual(left(eight, other, other), ["a"]);
  assert.deepEqual(left(eight, pins(..."bcdefgh"), pins(..."bcdefgh")), []);
  assert.deepEqual(left(pins(..."abcdefghij"), pins(..."abcdefghij"), eight), ["i", "j"]);
  assert.deepEqual(left(eight, pins(..."ijklmnop"), pins(..."ijklmnop")), []);
});

test("one pin more than there are colours takes the place of the oldest, and pinning twice unpins", () => {
  const made = { ...doc(), heads: N_PINS + 1, rows: N_PINS + 1 };
  const pins = attviz.pins.parse(made, MOST_PINS);
  const another = attviz.pins.toggled(made, pins, `0.${N_PINS}`);
  assert.deepEqual(another.map(({ key }) => key).slice(-2), [`0.${N_PINS - 1}`, `0.${N_PINS}`]);
  assert.equal(another.length, N_PINS);
  assert.equal(attviz.pins.toggled(made, pins, "0.3").length, N_PINS - 1);
});

test("the heads that vary most come first", () => {
  assert.deepEqual(attviz.sequenceRows.mostVaried(doc()), [0, 1]);
});

// "cyber", "##se", "cur": a word of two pieces between a special token and a word of one.
const pieces = () => attviz.attention.complete({
  ...doc(), text: "cyberse cur", tokens: 4, starts: Int32Array.of(0, 0, 5, 8), ends: Int32Array.of(0, 5, 7, 11), continues: Uint8Array.of(0, 0, 1, 0),
  windows: [2], named: (token) => ({ 0: "[CLS]", 1: "cyber" })[token],
  values: Float64Array.from({ length: 256 }, (_, code) => (code ? 1e-6 * Math.exp((code - 1) * (Math.log(1e6) / 254)) : 0)),
  codes: Uint8Array.of(255, 200, 150, 9, 255, 100, 180, 4),
  aggregates: Object.fromEntries(["mean", "entropy", "std", "max", "min", "range", "rollout"].map((name) => [name, Float64Array.of(1, 2, 3, 4)])),
  measures: ["rollout"],
});

test("pieces become words by their mean, their maximum or the first of them", () => {
  const whole = pieces();
  for (const [way, expected] of [["first", [200, 100]], ["max", [200, 180]]]) {
    const { doc: merged } = attviz.words.merge(whole, way);
    assert.deepEqual([merged.codes[1], merged.codes[merged.tokens + 1]], expected);
    assert.deepEqual([...merged.aggregates.rollout], [1, way === "max" ? 3 : 2, 4]);
  }
  const { doc: merged, wordOf, firsts } = attviz.words.merge(whole, "mean");
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
  const own = attviz.words.cursorOfPieces({ get: () => now, hover: (token, row) => { now = { token, row, held: false }; } }, { firsts, wordOf });
  assert.equal(own.get().token, 1);
  assert.equal(own.get(), own.get());
  own.hover(3, 1);
  assert.deepEqual([now.token, own.get().token], [2, 3]);
});
