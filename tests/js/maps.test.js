import assert from "node:assert";
import test from "node:test";
import zlib from "node:zlib";
import { csv } from "../../templates/assets/js/exports/csv.js";
import { headColours } from "../../templates/assets/js/maps/head_colours.js";
import { headLegend } from "../../templates/assets/js/maps/head_legend.js";
import { mapDifference } from "../../templates/assets/js/maps/map_difference.js";
import { mapReading } from "../../templates/assets/js/maps/map_reading.js";
import { mapShare } from "../../templates/assets/js/maps/map_share.js";
import { mapTable } from "../../templates/assets/js/maps/map_table.js";
import { matrix } from "../../templates/assets/js/maps/matrix.js";
import { meanMap } from "../../templates/assets/js/maps/mean_map.js";
import { vectors } from "../../templates/assets/js/neurons/vectors.js";
import { windowTokens } from "../../templates/assets/js/maps/window_tokens.js";
import { wordMap } from "../../templates/assets/js/maps/word_map.js";
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

// The same text in another model.
const other = {
  ...map,
  keys: Uint8Array.of(0, 1, 1, 0, 2, 0),
  codes: Uint8Array.of(50, 40, 70, 20, 90, 6),
  rest: Uint8Array.of(10, 10, 4),
};
const minus = mapDifference.of(map, other);
const rounded = (pairs) => pairs.map(([token, value, ...flags]) => [token, Math.round(value * 100) / 100, ...flags]);

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

test("hidden special tokens have no seat and no pairs, and count as keys that are not shown", () => {
  const special = (token) => token === 0;
  const allows = matrix.filter("all", none, special);
  const { query, key } = matrix.seats("all", none, 3, special);
  assert.deepEqual(
    [query.list, key.list],
    [
      [1, 2],
      [1, 2],
    ],
  );
  assert.deepEqual(matrix.row(map, 0, 2, allows), [[1, 0.15]]);
  assert.ok(Math.abs(matrix.unshown(map, 0, 2, allows) - 0.85) < 1e-12);
  assert.equal(matrix.filter("all", none), matrix.all);
  assert.equal(matrix.unshown(map, 0, 2, matrix.all), 0.05);
});

test("half precision is read exactly", () => {
  const bits = [0x0000, 0x3c00, 0xc000, 0x3555, 0x0001, 0x7bff, 0x8400];
  assert.deepEqual(bits.map(vectors.half), [0, 1, -2, 0.333251953125, 2 ** -24, 65504, -(2 ** -14)]);
});

test("vectors in 8 bits are off by at most half a step of their head and token", async () => {
  for (let seed = 1; seed <= 50; seed++) {
    let state = seed * 7919;
    const random = () => (state = (state * 16807) % 2147483647) / 2147483647 - 0.5;
    const [tokens, size] = [1 + (seed % 5), 1 + (seed % 7)];
    const coded = () => {
      const numbers = Float64Array.from({ length: tokens * size }, () => random() * 10 ** (seed % 6));
      const steps = Float32Array.from(
        { length: tokens },
        (_, i) => Math.max(...numbers.subarray(i * size, (i + 1) * size).map(Math.abs)) / 127,
      );
      const codes = Int8Array.from(numbers, (value, i) => Math.round(value / steps[Math.floor(i / size)]));
      return { numbers, steps, codes };
    };
    const [queries, keys] = [coded(), coded()];
    const found = await vectors.load({
      tokens,
      size,
      queries: pack(queries.codes),
      queryScales: pack(queries.steps),
      keys: pack(keys.codes),
      keyScales: pack(keys.steps),
    });
    for (const [name, { numbers, steps }] of Object.entries({ queries, keys }))
      numbers.forEach((value, i) =>
        assert.ok(Math.abs(found[name][i] - value) <= 0.5001 * steps[Math.floor(i / size)]),
      );
  }
});

test("vectors without scales are in half precision", async () => {
  const planes = Uint8Array.of(0x00, 0x00, 0x3c, 0xc0);
  const found = await vectors.load({ tokens: 1, size: 2, queries: pack(planes), keys: pack(planes) });
  assert.deepEqual(
    [[...found.queries], [...found.keys]],
    [
      [1, -2],
      [1, -2],
    ],
  );
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

// Two heads over the tokens [CLS], "toot", "##h", "ache", of which the last three are one word.
const textOfPieces = "toothache";
const pieces = {
  text: textOfPieces,
  continues: Uint8Array.of(0, 0, 1, 1),
  starts: Int32Array.of(0, 0, 4, 5),
  ends: Int32Array.of(0, 4, 5, 9),
  tokens: 4,
  word: (token) => textOfPieces.slice(pieces.starts[token], pieces.ends[token]),
};
const ofPieces = windowTokens(pieces, { first: 0, kept: [0, 4], special: { 0: "[CLS]" }, tokens: 4 }, null);
const fourTokens = {
  ...map,
  rows: 2,
  tokens: 4,
  keys: Uint8Array.of(0, 1, 0, 2, 3, 2, 0, 1, ...[1, 0, 1, 0, 1, 0, 1, 0]),
  codes: Uint8Array.of(70, 20, 50, 30, 60, 30, 40, 20, ...[80, 20, 80, 20, 80, 20, 80, 20]),
  rest: Uint8Array.of(10, 20, 10, 40, 0, 0, 0, 0),
};

test("a word gives the mean over its pieces and receives the sum over them", () => {
  const groups = wordMap.group(pieces, ofPieces);
  assert.deepEqual(groups.firsts, [0, 1]);
  const tokens = wordMap.tokensOf(pieces, ofPieces, groups);
  assert.deepEqual([tokens.length, tokens.word(0), tokens.word(1)], [2, "[CLS]", "toothache"]);
  assert.deepEqual([tokens.special(0), tokens.placed(1), tokens.at(3)], [true, 1, 1]);
  const words = wordMap.of(fourTokens, groups);
  assert.deepEqual(rounded(matrix.row(words, 0, 1)), [
    [1, 0.47],
    [0, 0.3],
  ]);
  assert.deepEqual(rounded(matrix.column(words, 0, 0)), [
    [0, 0.7],
    [1, 0.3],
  ]);
  for (const word of [0, 1]) {
    const sum = matrix.row(words, 0, word).reduce((all, [, value]) => all + value, matrix.rest(words, 0, word));
    assert.ok(Math.abs(sum - 1) < 1e-12);
  }
});

test("the mean of heads counts a key that a head does not store as 0", () => {
  const mean = meanMap.of(fourTokens, [0, 1]);
  assert.deepEqual(rounded(matrix.row(mean, 0, 1)), [
    [1, 0.4],
    [0, 0.35],
    [2, 0.15],
  ]);
  assert.equal(matrix.rest(mean, 0, 1), 0.1);
  assert.deepEqual(
    matrix.row(mean, 0, 1, (query, key) => key === 2),
    [[2, 0.15]],
  );
});

test("heads are hidden one by one, but never all, and shown alone or all again", () => {
  const { parse, written, toggled, alone } = headLegend;
  assert.deepEqual([...parse("0,2,9,x", 3)], [0, 2]);
  assert.deepEqual([...parse(undefined, 3), ...parse("", 3), ...parse("0,1,2", 3)], []);
  assert.equal(written(toggled(parse("2", 3), 0, 3)), "0,2");
  assert.equal(written(toggled(parse("2", 3), 2, 3)), undefined);
  assert.equal(written(toggled(parse("0,2", 3), 1, 3)), "0,2");
  assert.equal(written(alone(parse("2", 3), 2, 3)), "0,1");
  assert.equal(written(alone(parse("0,1", 3), 2, 3)), undefined);
});

test("every head of a layer has a colour of its own, readable by SVG programs", () => {
  for (const dark of [true, false]) {
    const colours = headColours.of(16, dark);
    assert.equal(new Set(colours).size, 16);
    assert.ok(colours.every((colour) => /^#[0-9a-f]{6}$/.test(colour)));
  }
});

const sceneOf = (shown, more) => ({
  doc,
  map: shown,
  tokens: { length: 3, special: none, word: (index) => "abc"[index] },
  allows: matrix.all,
  heads: [{ row: 0 }],
  names: [],
  of: "",
  ...more,
});

test("words say what a head does on average and at a token", () => {
  const scene = sceneOf(map);
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

test("words say how many weights are drawn, and what is not shown", () => {
  const scene = sceneOf(map);
  assert.equal(mapReading.drawn({ ...scene, least: 0.2 }), "4 of 5 stored weights are drawn: those of 20 % or more.");
  assert.equal(mapReading.drawn({ ...scene, least: 0 }), "All 5 stored weights are drawn.");
  assert.equal(
    mapReading.drawn({ ...sceneOf(minus), least: 0.2 }).replace(/^\d+ of \d+/, ""),
    " stored differences are drawn: those of 20 percentage points or more.",
  );
  const hidden = sceneOf(map, { allows: (query, key) => key !== 0 });
  assert.equal(
    mapReading.plain(mapReading.parts(hidden, 0, { token: 2, side: "query" })),
    "c attends to b 15 %; 85 % goes to keys not shown.",
  );
});

test("a file of a head quotes its tokens, and none is a formula", () => {
  const tokens = { length: 3, word: (index) => ['say "hi"', "=b", "c"][index] };
  const lines = mapTable.csv([sceneOf(map, { tokens })]).split("\r\n");
  assert.equal(lines[0], "layer,head,query,query_token,key,key_token,attention");
  assert.equal(lines[1], `0,0,0,"say ""hi""",1,"'=b",0.600`);
  assert.equal(lines[3], '0,0,0,"say ""hi""",,"all other keys",0.100');
});

test("a difference is exact where both models store a key, and the smallest possible one elsewhere", () => {
  assert.deepEqual(rounded(matrix.row(minus, 0, 0)), [
    [0, -0.2, false],
    [1, 0.2, false],
  ]);
  // Of the own model's row, the weakest stored key has nothing, so all others have nothing, too.
  assert.deepEqual(rounded(matrix.row(minus, 0, 1)), [
    [0, -0.2, false],
    [1, -0.2, false],
  ]);
  assert.deepEqual(rounded(matrix.row(minus, 0, 2)), [
    [2, -0.85, true],
    [0, 0.74, false],
    [1, 0.11, true],
  ]);
  assert.deepEqual(rounded(matrix.column(minus, 0, 0)), [
    [2, 0.74, false],
    [0, -0.2, false],
    [1, -0.2, false],
  ]);
  assert.equal(Math.round(matrix.rest(minus, 0, 1) * 100), 40);
});

test("cells up to even attention, sent as 0, have the smallest difference that is possible", () => {
  const even = 0.1;
  assert.equal(mapDifference.cell(0.5, 0.2, even), 0.3);
  assert.equal(mapDifference.cell(0.5, 0, even), 0.4);
  assert.equal(mapDifference.cell(0, 0.5, even), -0.4);
  assert.ok(Math.abs(mapDifference.cell(0, 0.05, even)) === 0);
  for (const hidden of [0, 0.05, 0.1])
    for (const seen of [0.11, 0.5, 1])
      assert.ok(Math.abs(mapDifference.cell(seen, 0, even)) <= Math.abs(seen - hidden) + 1e-12);
});

test("no difference of a pair is larger than it can be", () => {
  // Random rows of 12 keys, of which 4 are stored.
  const tokens = 12;
  const numbers = Array.from({ length: tokens }, (unused, i) => i);
  const full = [3, 7].map((seed) =>
    numbers.map((query) => {
      const raw = numbers.map((key) => ((seed * (query + 3) * (key + 5) * 7919) % 101) + 1);
      const sum = raw.reduce((a, b) => a + b);
      return raw.map((value) => value / sum);
    }),
  );
  const stored = full.map((rows) => {
    const [keys, codes, rest, table] = [[], [], [], [0]];
    const code = (value) => table.push(value) - 1;
    rows.forEach((row) => {
      const order = numbers.toSorted((a, b) => row[b] - row[a] || a - b);
      order.slice(0, 4).forEach((key) => {
        keys.push(key);
        codes.push(code(row[key]));
      });
      rest.push(code(order.slice(4).reduce((sum, key) => sum + row[key], 0)));
    });
    return { rows: 1, tokens, entries: 4, cells: 1, keys, codes, rest, values: table };
  });
  const between = mapDifference.of(...stored);
  let [n, bounds] = [0, 0];
  for (let query = 0; query < tokens; query++)
    for (const [key, value, isLeast] of matrix.row(between, 0, query)) {
      const exact = full[0][query][key] - full[1][query][key];
      n += 1;
      bounds += isLeast;
      assert.ok(Math.sign(value) === Math.sign(exact) || Math.abs(exact) < 1e-12);
      assert.ok(Math.abs(value) <= Math.abs(exact) + 1e-12);
      if (!isLeast) assert.ok(Math.abs(value - exact) < 1e-12);
    }
  assert.ok(n > tokens && bounds > 0 && bounds < n);
});

test("words compare two models", () => {
  const said = (focus) => mapReading.plain(mapReading.parts(sceneOf(minus, { where: "in seed 14" }), 0, focus));
  assert.equal(
    said({ token: 2, side: "query" }),
    "c gives at least 85 points less to c, 74 points more to a, at least 11 points more to b than in seed 14.",
  );
  assert.equal(
    said({ token: 2, side: "query", other: 0 }),
    "c gives 74 points more to a than in seed 14; in all, " +
      "c gives at least 85 points less to c, 74 points more to a, at least 11 points more to b than in seed 14.",
  );
  assert.equal(
    said({ token: 0, side: "query", other: 2 }),
    "no difference is known from a to c; a gives 20 points less to a, 20 points more to b than in seed 14.",
  );
  assert.equal(
    said({ token: 0, side: "key" }),
    "a receives 74 points more from c, 20 points less from a, 20 points less from b than in seed 14.",
  );
  assert.equal(
    said(null),
    "a token gives on average 43 points less to itself, 25 points more to other tokens, 14 points more to keys not " +
      "shown, 6.7 points more to the one after it, 1.7 points less to the token before it than in seed 14.",
  );
  const same = mapDifference.of(map, map);
  const again = sceneOf(same, { where: "before fine-tuning" });
  assert.equal(
    mapReading.plain(mapReading.parts(again, 0, null)),
    "a token gives on average the same as before fine-tuning, to within 0.5 points.",
  );
});

test("differences are written in percentage points", () => {
  const written = [0.1234, -0.0123, 0.00001, -0.0996].map((value) => mapShare.written(minus, value));
  assert.deepEqual(written, ["+12", "−1.2", "0.0", "−10"]);
  assert.equal(mapShare.written(map, 0.1234), "12 %");
  assert.deepEqual(
    [mapShare.compared(0.01), mapShare.compared(-0.25, true)],
    ["1.0 point more", "at least 25 points less"],
  );
});

test("files of two models name the model in every line, those of a difference say what is a bound", () => {
  const both = [sceneOf(map, { names: ["own"] }), sceneOf(other, { names: ["seed-14"] })];
  const lines = mapTable.csv(both).trim().split("\r\n");
  assert.equal(lines[0], "model,layer,head,query,query_token,key,key_token,attention");
  assert.equal(lines[1], '"own",0,0,0,"a",1,"b",0.600');
  assert.equal(lines.at(-1), '"seed-14",0,0,2,"c",,"all other keys",0.0400');
  const one = mapTable.csv([sceneOf(minus, { names: ["own minus seed-14"] })]).split("\r\n");
  assert.equal(one[0], "model,layer,head,query,query_token,key,key_token,difference,least");
  assert.equal(one[7], '"own minus seed-14",0,0,2,"c",2,"c",-0.850,1');
  assert.equal(one[8], '"own minus seed-14",0,0,2,"c",0,"a",0.740,0');
});
