import assert from "node:assert";
import test from "node:test";
import zlib from "node:zlib";
import { csv } from "../../templates/assets/js/exports/csv.js";
import { mapReading } from "../../templates/assets/js/maps/map_reading.js";
import { mapTable } from "../../templates/assets/js/maps/map_table.js";
import { matrix } from "../../templates/assets/js/maps/matrix.js";
import { vectors } from "../../templates/assets/js/maps/vectors.js";
import { windowTokens } from "../../templates/assets/js/maps/window_tokens.js";
import { arrive } from "./arrive.js";

arrive({ csv });

const pack = (array) =>
  zlib.deflateRawSync(Buffer.from(array.buffer, array.byteOffset, array.byteLength)).toString("base64");
const LOG6 = { enc: "u8log6", lo: 1e-6, hi: 1 };

// One head over three tokens, two entries a row; a code is its value in hundredths.
const map = {
  rows: 1,
  tokens: 3,
  entries: 2,
  cells: 1,
  keys: Uint8Array.of(1, 0, 1, 2, 0, 1),
  codes: Uint8Array.of(60, 30, 50, 0, 80, 15),
  rest: Uint8Array.of(10, 50, 5),
  values: Float64Array.from({ length: 256 }, (_, code) => code / 100),
};
const none = () => false;

test("a packed map is read back, differences and all", async () => {
  const part = {
    ...LOG6,
    rows: 1,
    tokens: 2,
    entries: 2,
    cells: 1,
    thumbnails: pack(Uint8Array.of(9)),
    keys: pack(Uint8Array.of(1, 0, 0, 1)),
    values: pack(Uint8Array.of(250, 246, 200, 200)),
    rest: pack(Uint8Array.of(0, 3)),
  };
  const found = await matrix.load(part);
  assert.deepEqual([...found.codes], [250, 240, 200, 144]);
  assert.deepEqual([...found.keys], [1, 0, 0, 1]);
  await assert.rejects(matrix.load({ ...part, rest: pack(Uint8Array.of(0)) }), /incomplete/);
});

test("keys of long windows come in two planes", () => {
  assert.deepEqual([...matrix.planes(Uint8Array.of(1, 255, 0, 0, 1, 2))], [1, 511, 512]);
});

test("rows and columns name the strongest first and leave out what is below the code", () => {
  assert.deepEqual(matrix.row(map, 0, 0), [
    [1, 0.6],
    [0, 0.3],
  ]);
  assert.deepEqual(matrix.row(map, 0, 1), [[1, 0.5]]);
  assert.deepEqual(matrix.column(map, 0, 1), [
    [0, 0.6],
    [1, 0.5],
    [2, 0.15],
  ]);
  assert.deepEqual(matrix.column(map, 0, 2), []);
  assert.equal(matrix.rest(map, 0, 2), 0.05);
});

test("mean shares of a head add up to all of its attention", () => {
  const shares = matrix.shares({ ...map, rest: Uint8Array.of(10, 50, 5) }, 0, none);
  assert.ok(Math.abs(Object.values(shares).reduce((a, b) => a + b, 0) - 1) < 1e-12);
  assert.ok(Math.abs(shares.after - 0.2) < 1e-12);
  assert.ok(Math.abs(shares.others - 0.8 / 3) < 1e-12);
  assert.equal(matrix.shares(map, 0, () => true).itself, 0);
});

test("the head that opens looks beyond neighbours and special tokens", () => {
  const two = {
    ...map,
    rows: 2,
    keys: Uint8Array.of(...map.keys, 2, 1, 1, 2, 0, 1),
    codes: Uint8Array.of(...map.codes, 90, 0, 50, 0, 90, 0),
    rest: Uint8Array.of(...map.rest, 0, 0, 0),
  };
  assert.equal(matrix.mostVaried(two, none), 1);
  assert.equal(
    matrix.mostVaried(two, (token) => token === 2),
    0,
  );
  assert.equal(
    matrix.mostVaried(map, () => true),
    0,
  );
});

test("a choice of texts shows pairs between these, and special tokens are of neither", () => {
  const segment = (token) => [-1, 0, 1][token];
  const shown = (choice) =>
    [0, 1, 2].flatMap((q) => [0, 1, 2].filter((k) => matrix.filter(choice, segment)(q, k)).map((k) => `${q}${k}`));
  assert.equal(shown("all").length, 9);
  assert.deepEqual(
    ["aa", "ab", "ba", "bb"].map((choice) => shown(choice).join()),
    ["11", "12", "21", "22"],
  );
});

test("a choice of texts lists its queries and keys, and seats them in order", () => {
  const segment = (token) => [-1, 0, 1, 1][token];
  const { query, key } = matrix.seats("ab", segment, 4);
  assert.deepEqual([query.list, key.list], [[1], [2, 3]]);
  assert.deepEqual([...key.seat], [-1, -1, 0, 1]);
  assert.deepEqual([...matrix.seats("all", segment, 4).query.seat], [0, 1, 2, 3]);
});

test("half precision is read exactly", () => {
  const bits = [0x0000, 0x3c00, 0xc000, 0x3555, 0x0001, 0x7bff, 0x8400];
  assert.deepEqual(bits.map(vectors.half), [0, 1, -2, 0.333251953125, 2 ** -24, 65504, -(2 ** -14)]);
});

test("softmax leaves out the keys that a query does not see", () => {
  const made = {
    tokens: 3,
    size: 1,
    scale: 2,
    before: 1,
    after: 0,
    queries: Float32Array.of(1, 1, 1),
    keys: Float32Array.of(0, 1, 2),
  };
  const { scores, weights } = vectors.row(made, 0, 1);
  assert.deepEqual([...scores], [0, 2, NaN]);
  assert.ok(Math.abs(weights[1] - Math.exp(2) / (1 + Math.exp(2))) < 1e-12);
  assert.equal(weights[2], 0);
});

const doc = { tokens: 10, layers: 1, heads: 1, word: (token) => `w${token}` };
const window = windowTokens(doc, { first: 4, kept: [2, 6], special: { 0: "[CLS]", 6: "[SEP]" }, tokens: 7 }, 8);

test("a window's tokens stand in the document, but not its own special ones", () => {
  assert.deepEqual([0, 1, 2, 5, 6].map(window.placed), [-1, 5, 6, 9, -1]);
  assert.deepEqual([0, 1, 6].map(window.word), ["[CLS]", "w5", "[SEP]"]);
  assert.deepEqual([3, 4, 5, 6, 9, 10, -1].map(window.at), [-1, -1, 1, 2, 5, -1, -1]);
  assert.deepEqual([0, 3, 4].map(window.segment), [-1, 0, 1]);
});

test("words say what a head does on average and at a token", () => {
  const scene = { doc, map, tokens: { length: 3, special: none, word: (index) => "abc"[index] }, allows: () => true };
  const said = (focus) => mapReading.plain(mapReading.parts(scene, 0, focus));
  assert.equal(
    said(null),
    "a token gives on average 27 % to itself, 27 % to other tokens, 22 % to keys not shown, " +
      "20 % to the one after it, 5 % to the token before it.",
  );
  assert.equal(said({ token: 0, side: "query" }), "a attends to b 60 %, a 30 %; 10 % goes to the one key not shown.");
  assert.equal(
    said({ token: 0, side: "query", other: 2 }),
    "a gives c less than is shown; it attends to b 60 %, a 30 %; 10 % goes to the one key not shown.",
  );
  assert.equal(said({ token: 1, side: "key" }), "b is among the strongest keys of 3 tokens: a 60 %, b 50 %, c 15 %.");
  assert.equal(said({ token: 2, side: "key" }), "c is among the strongest keys of no token.");
});

test("a file of a head quotes its tokens, and none is a formula", () => {
  const tokens = { length: 3, word: (index) => ['say "hi"', "=b", "c"][index] };
  const lines = mapTable.csv({ doc, map, tokens }, 0).split("\r\n");
  assert.equal(lines[1], `0,0,0,"say ""hi""",1,"'=b",0.600`);
  assert.equal(lines[3], '0,0,0,"say ""hi""",,"all other keys",0.100');
});
