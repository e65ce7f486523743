import assert from "node:assert";
import test from "node:test";
import zlib from "node:zlib";
import { codec } from "../../templates/assets/js/document/codec.js";

const LOG6 = { enc: "u8log6", lo: 1e-6, hi: 1 };
const LOG12 = { enc: "u16log12", lo: 1e-12, hi: 1e3 };
const pack = (array) =>
  zlib.deflateRawSync(Buffer.from(array.buffer, array.byteOffset, array.byteLength)).toString("base64");

test("a nearest code is off by at most half a step, everywhere on the scale", () => {
  for (const [part, bits, bound] of [
    [LOG6, 8, 0.0276],
    [LOG12, 16, 0.0003],
  ]) {
    const table = codec.valueTable(part, bits);
    for (let i = 0; i <= 20000; i++) {
      const value = part.lo * (part.hi / part.lo) ** (i / 20000);
      const step = Math.log(part.hi / part.lo) / (2 ** bits - 2);
      const code = 1 + Math.round(Math.log(value / part.lo) / step);
      assert.ok(Math.abs(table[code] - value) <= bound * value, `${value} became ${table[code]}`);
    }
  }
});

test("code 0 is 0, code 1 the lowest and the last code the highest value", () => {
  const table = codec.valueTable(LOG6, 8);
  assert.equal(table.length, 256);
  assert.equal(table[0], 0);
  assert.ok(Math.abs(table[1] - 1e-6) < 1e-18);
  assert.ok(Math.abs(table[255] - 1) < 1e-12);
});

test("codes are differences from the head's median, modulo 256", async () => {
  const part = { ...LOG6, codes: pack(Uint8Array.of(0, 246, 10, 5, 0, 251)), medians: pack(Uint8Array.of(20, 250)) };
  const { codes } = await codec.attention(part, 2, 3);
  assert.deepEqual([...codes], [20, 10, 30, 255, 250, 245]);
});

test("a payload of the wrong length is refused", async () => {
  const part = { ...LOG6, codes: pack(Uint8Array.of(1, 2, 3)), medians: pack(Uint8Array.of(0)) };
  await assert.rejects(codec.attention(part, 1, 4), /incomplete/);
});

test("an unknown encoding is refused", async () => {
  await assert.rejects(codec.attention({ enc: "u4", codes: "", medians: "" }, 1, 1), /unknown encoding u4/);
});

test("offsets are gaps and lengths, and gaps may be negative", async () => {
  const { starts, ends } = await codec.offsets(pack(Int32Array.of(0, 0, 0, 4, 1, 3, -8, 0)));
  assert.deepEqual([...starts], [0, 0, 5, 0]);
  assert.deepEqual([...ends], [0, 4, 8, 0]);
});
