import assert from "node:assert/strict";
import test from "node:test";
import { meanMaps } from "../../templates/assets/js/mean_maps/mean_maps.js";

const { decode, reading } = meanMaps;

test("codes of a mean map become shares of attention", () => {
  const code = { cells: 2, lo: 1e-6, hi: 1 };
  const values = decode(code, Buffer.from([0, 1, 128, 255]).toString("base64"));
  assert.deepEqual(
    [...values].map((value) => Number(value.toPrecision(6))),
    [0, 1e-6, 0.001, 1],
  );
  assert.throws(() => decode({ ...code, cells: 3 }, "AAAA"), /incomplete/);
});

test("a cell is read out as places in the text", () => {
  assert.equal(
    reading([0, 0.25, 0.5, 0.25], 2, 1, 0),
    "Queries at 50 to 100 % of a text give 50 % of their attention to keys at 0 to 50 %.",
  );
});
