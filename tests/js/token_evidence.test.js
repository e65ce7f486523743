import assert from "node:assert";
import test from "node:test";
import zlib from "node:zlib";
import { attention } from "../../templates/assets/js/document/attention.js";
import { evidenceRows } from "../../templates/assets/js/document_evidence/evidence_rows.js";
import { tokenEvidence } from "../../templates/assets/js/document_evidence/token_evidence.js";
import { classChanges } from "../../templates/assets/js/document_evidence/class_changes.js";
import { reading } from "../../templates/assets/js/document_views/reading.js";
import { sequenceRows } from "../../templates/assets/js/document_views/sequence_rows.js";
import { arrive } from "./arrive.js";

arrive({ evidenceRows });

const pack = (numbers) => zlib.deflateRawSync(Buffer.from(Int16Array.from(numbers).buffer)).toString("base64");
// Four tokens, the first special, in classes 1 and 0.
const PAYLOAD = {
  removal: "mask",
  gradient: { scale: 2, codes: pack([0, 32767, -32767, 0]) },
  left_out: { scale: 0.5, classes: [1, 0], codes: pack([0, -32767, 6600, 0, 0, 32767, -6600, 0]) },
};
const near = (found, expected) => found.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-3));

test("measures come back with their signs, and special tokens were not left out", async () => {
  const { signed, changes, removal } = await tokenEvidence.load(PAYLOAD, 4, [0]);
  assert.equal(removal, "mask");
  near([...signed.gradient], [0, 2, -2, 0]);
  assert.ok(Number.isNaN(signed.without[0]));
  near([...signed.without].slice(1), [0.5, -0.1007, 0]);
  assert.deepEqual(
    changes.map(({ number }) => number),
    [1, 0],
  );
  near([...changes[1].values].slice(1), [0.5, -0.1007, 0]);
});

test("a label set has a fall of its own, and a value is no probability", async () => {
  const fall = { scale: 1, codes: pack([0, 32767, 0, -32767]) };
  const set = await tokenEvidence.load({ ...PAYLOAD, of: "predicted label set", fall }, 4, [0]);
  near([...set.signed.without].slice(1), [1, 0, -1]);
  const special = Uint8Array.of(1, 0, 0, 0);
  assert.equal(
    classChanges.spoken({ evidence: set, special }, 1),
    "if masked, predicted label set −100.0 percentage points",
  );
  const leftOut = { scale: 2, classes: [0], codes: pack([0, 32767, -16384, 0]) };
  const value = await tokenEvidence.load({ removal: "mask", of: "predicted value", left_out: leftOut }, 4, [0]);
  assert.equal(classChanges.spoken({ evidence: value, special }, 1), "if masked, predicted value +2.0");
  assert.equal(classChanges.spoken({ evidence: value, special }, 2), "if masked, predicted value −1.0");
});

test("a document in which no token was left out has gradients only", async () => {
  const evidence = await tokenEvidence.load({ removal: "mask", gradient: PAYLOAD.gradient }, 4, [0]);
  assert.deepEqual(tokenEvidence.named({ evidence }), [["gradient", "gradient x input"]]);
  assert.equal(evidence.changes, null);
  assert.equal(classChanges.spoken({ evidence, special: [0, 0] }, 1), "");
});

test("colours reach from against to for, whatever special tokens have", () => {
  const places = tokenEvidence.strengths([NaN, 4, -2, 0], [1, 0, 0, 0]);
  assert.deepEqual(places.slice(1), [1, -0.5, 0]);
  assert.deepEqual(tokenEvidence.strengths([0, 0], [0, 0]), [0, 0]);
  assert.equal(tokenEvidence.background(1), "#0072b28c");
  assert.equal(tokenEvidence.background(-0.5), "#d55e0046");
  assert.equal(tokenEvidence.background(0.001), "");
  assert.equal(tokenEvidence.background(NaN), "");
  const doc = { evidence: { signed: { gradient: [9, 4, -2, 0] } }, skipped: [1, 0, 0, 0] };
  assert.deepEqual([0, 1, 2, 3].map(tokenEvidence.shade(doc, "gradient")), ["", "#0072b28c", "#d55e0046", ""]);
});

test("changes are points with a sign, and bars begin in the middle", () => {
  assert.deepEqual([0.1084, -0.0996, 0.0001, -0.0001].map(classChanges.points), ["+10.8", "−10.0", "0.0", "0.0"]);
  assert.deepEqual(classChanges.span(-0.25, 0.5), { start: 25, width: 25 });
  assert.deepEqual(classChanges.span(0.5, 0.5), { start: 50, width: 50 });
  assert.deepEqual(classChanges.span(0, 0), { start: 50, width: 0 });
});

test("numbers, rows and words to be spoken follow", async () => {
  const evidence = await tokenEvidence.load(PAYLOAD, 4, [0]);
  const flags = Uint8Array.of(1, 0, 0, 0);
  const doc = { evidence, tokens: 4, layers: 1, heads: 1, special: flags, skipped: flags, aggregates: {} };
  assert.equal(attention.measured(doc, "gradient"), evidence.signed.gradient);
  assert.equal(reading.of(doc, "without", 0), "–");
  assert.equal(reading.of(doc, "without", 2), "−0.10");
  assert.equal(classChanges.spoken(doc, 1), "if masked, predicted class −50.0 percentage points");
  assert.equal(classChanges.spoken(doc, 0), "");
  const filled = [];
  const context = { fillRect: (...box) => filled.push(box) };
  const colours = { line: "grey" };
  const rows = sequenceRows.rowsOf(doc, { rows: "evidence", colours, pinned: [] });
  assert.deepEqual(
    rows.map(({ title }) => title),
    ["gradient x input", "fall without the token"],
  );
  rows[1].draw(context, 1, 0, 0, 10, 31);
  assert.deepEqual(filled, [
    [0, 15, 10, 1],
    [0, 0, 10, 15],
  ]);
  assert.equal(context.fillStyle, "#0072b2");
  rows[1].draw(context, 2, 0, 0, 10, 31);
  assert.equal(context.fillStyle, "#d55e00");
  assert.equal(filled.at(-1)[1], 16);
});
