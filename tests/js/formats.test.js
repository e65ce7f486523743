import assert from "node:assert";
import test from "node:test";
import { clip } from "../../templates/assets/js/core/clip.js";
import { formats } from "../../templates/assets/js/core/formats.js";
import { palette } from "../../templates/assets/js/core/palette.js";
import { probability } from "../../templates/assets/js/token_table/probability.js";

test("numbers are written as on the pages", () => {
  const written = [0, 0.0214, 3.4e-6, 0.5, 1, 12.34, 0.996, 9.96, 9.99e-4, -0.31].map((value) =>
    formats.significant(value),
  );
  assert.deepEqual(written, ["0", "0.021", "3.4e−6", "0.50", "1.0", "12", "1.0", "10", "0.0010", "−0.31"]);
  assert.deepEqual(
    [0.031, -1.204, -0.004, 0].map((value) => formats.signed(value)),
    ["+0.03", "−1.20", "0.00", "0.00"],
  );
  assert.deepEqual([1, 0.62, 0.9999, 0.0001, 0.996, 0].map(formats.percent), [
    "100 %",
    "62 %",
    "> 99.9 %",
    "< 0.1 %",
    "99.6 %",
    "0 %",
  ]);
});

test("a p or q stays on its side of 0.05 and below 1", () => {
  assert.deepEqual(
    [0.0463, 0.04996, 0.05, 0.0512, 0.003, 0.3, 0.97, 1, 4e-6].map((p) => probability(p)),
    ["0.046", "0.04996", "0.05", "0.05", "0.003", "0.3", "0.97", "1", "4e−6"],
  );
});

test("clipping counts characters, not halves of them", () => {
  assert.equal(clip("short", 10), "short");
  assert.equal(clip("😀😀😀😀", 3), "😀😀…");
});

test("colours run from one end of the ramp to the other and stay within it", () => {
  const place = palette.placer(0.01, 1);
  assert.deepEqual([0, 0.01, 0.1, 1, 5].map(place), [0, 0, 128, 255, 255]);
  assert.equal(palette.placer(0, 0)(1), 0);
});

test("lightness changes in one direction along both ramps", () => {
  const lightness = (css) => css.match(/\d+/g).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  for (const [theme, sign] of [
    ["light", -1],
    ["dark", 1],
  ]) {
    const values = palette.ramp(theme).css.map(lightness);
    for (let i = 1; i < values.length; i++) assert.ok(sign * (values[i] - values[i - 1]) >= -0.6, `${theme} ${i}`);
  }
});
