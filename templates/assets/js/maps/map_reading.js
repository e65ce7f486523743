// Describes the shown heads in words: on average, or for the token under the cursor.

import { clip } from "../core/clip.js";
import { element } from "../core/element.js";
import { formats } from "../core/formats.js";
import { hiddenTexts } from "../core/hidden_texts.js";
import { mapShare } from "./map_share.js";
import { matrix } from "./matrix.js";

const NAMED = 5;
const LEAST = 0.005;
const { percent } = formats;
const KINDS = {
  before: "to the token before it",
  after: "to the one after it",
  itself: "to itself",
  special: "to special tokens",
  others: "to other tokens",
  rest: "to keys not shown",
};

const averageDifference = (shares, where) => {
  const named = shares.filter(([, by]) => Math.abs(by) >= LEAST).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
  if (!named.length) return [`a token gives on average the same as ${where}, to within 0.5 points.`];
  const changes = named.map(([kind, by]) => `${mapShare.compared(by)} ${KINDS[kind]}`);
  return [`a token gives on average ${changes.join(", ")} than ${where}.`];
};

// Parts of a sentence; an object holds a word of the document.
const average = ({ map, tokens, where }, row) => {
  const shares = Object.entries(matrix.shares(map, row, tokens.special));
  if (map.isDifference) return averageDifference(shares, where);
  const named = shares.filter(([, share]) => share >= LEAST).sort((a, b) => b[1] - a[1]);
  return [`a token gives on average ${named.map(([kind, share]) => `${percent(share)} ${KINDS[kind]}`).join(", ")}.`];
};

const listed = (scene, pairs) =>
  pairs
    .slice(0, NAMED)
    .filter(([, value], i) => !i || value >= LEAST)
    .flatMap(([other, value], i) => [i ? ", " : "", { word: scene.tokens.word(other) }, ` ${percent(value)}`]);

// All keys but those of which a weight is stored and shown; how many they are depends on the query in other maps.
const othersOf = ({ map, tokens, allows }) => {
  const n = allows === matrix.all && map.entries ? tokens.length - map.entries : 0;
  return n === 1 ? "the one key" : n ? `the ${formats.count(n)} keys` : "keys";
};

const ofQuery = (scene, row, { token, other }) => {
  const pairs = matrix.row(scene.map, row, token, scene.allows);
  const found = pairs.find(([key]) => key === other);
  const cell =
    other === undefined
      ? []
      : found
        ? [" gives ", { word: scene.tokens.word(other) }, ` ${percent(found[1])}; it`]
        : [" gives ", { word: scene.tokens.word(other) }, " less than is shown; it"];
  const rest = matrix.unshown(scene.map, row, token, scene.allows);
  const tail = rest > 0 ? `; ${percent(rest)} goes to ${othersOf(scene)} not shown` : "";
  return [
    { word: scene.tokens.word(token) },
    ...cell,
    pairs.length ? " attends to " : " attends to nothing in this selection",
    ...listed(scene, pairs),
    tail,
    ".",
  ];
};

const ofKey = (scene, row, { token }) => {
  const pairs = matrix.column(scene.map, row, token, scene.allows);
  if (!pairs.length) return [{ word: scene.tokens.word(token) }, " is among the strongest keys of no token."];
  return [
    { word: scene.tokens.word(token) },
    ` is among the strongest keys of ${pairs.length === 1 ? "1 token" : `${formats.count(pairs.length)} tokens`}: `,
    ...listed(scene, pairs),
    ".",
  ];
};

const differences = (scene, pairs, to) =>
  pairs
    .slice(0, NAMED)
    .filter(([, by], i) => !i || Math.abs(by) >= LEAST)
    .flatMap(([other, by, isLeast], i) => [
      `${i ? ", " : ""}${mapShare.compared(by, isLeast)} ${to} `,
      { word: scene.tokens.word(other) },
    ]);

// The same of the study's own model minus another one, whose name `where` is for.
const difference = (scene, row, { token, side, other }) => {
  const [found, verb, to] =
    side === "key"
      ? [matrix.column(scene.map, row, token, scene.allows), " receives ", "from"]
      : [matrix.row(scene.map, row, token, scene.allows), " gives ", "to"];
  const word = { word: scene.tokens.word(token) };
  const cell = found.find(([key]) => key === other);
  const pointed =
    other === undefined
      ? []
      : cell
        ? [word, " gives ", ...differences(scene, [cell], to), ` than ${scene.where}; in all, `]
        : ["no difference is known from ", word, " to ", { word: scene.tokens.word(other) }, "; "];
  if (!found.length) return [...pointed, "no difference is known for ", word, "."];
  return [...pointed, word, verb, ...differences(scene, found, to), ` than ${scene.where}.`];
};

const parts = (scene, row, focus) => {
  if (!focus) return average(scene, row);
  if (scene.map.isDifference) return difference(scene, row, focus);
  return focus.side === "key" ? ofKey(scene, row, focus) : ofQuery(scene, row, focus);
};

const plain = (sentence) => sentence.map((part) => part.word ?? part).join("");

// One sentence per head; of the heads of a layer, one on their mean.
const subjects = (scene) =>
  scene.mean
    ? [[{ ...scene, map: scene.mean }, 0, `Mean of ${scene.heads.length} heads`, ""]]
    : scene.heads.map(({ row, colour }) => [scene, row, scene.doc.link(row), colour]);

const item = ([scene, row, name, colour], focus) => {
  const made = element("li");
  const key = element("i", colour && "pin-key");
  key.style.backgroundColor = colour;
  const words = parts(scene, row, focus).map((part) =>
    part.word === undefined ? part.replaceAll(" %", "\u00a0%") : element("bdi", "token", clip(part.word, 24)),
  );
  made.append(key, name, `${scene.of}: `, ...words);
  return made;
};

// How many of the stored weights the lines show.
const drawn = ({ map, heads, allows, least }) => {
  let [all, shown] = [0, 0];
  for (const { row } of heads)
    for (let query = 0; query < map.tokens; query++)
      for (const [, value] of matrix.row(map, row, query, allows)) {
        all += 1;
        if (Math.abs(value) >= least) shown += 1;
      }
  const [what, limit] = map.isDifference ? ["differences", mapShare.limit(least)] : ["weights", percent(least)];
  if (shown === all) return `All ${formats.count(all)} stored ${what} are drawn.`;
  return `${formats.count(shown)} of ${formats.count(all)} stored ${what} are drawn: those of ${limit} or more.`;
};

// How far the rows that vectors make are from the attention.
const explained = ({ vectors }) =>
  vectors ? `These rows differ from the attention by at most ${mapShare.limit(vectors.error, 1)}.` : "";

export const mapReading = {
  explained,
  drawn,
  plain,
  parts,
  show: (place, spoken, scenes, focus, held) => {
    place.replaceChildren(...scenes.flatMap(subjects).map((subject) => item(subject, focus)));
    if (!held || !focus) return;
    spoken.textContent = scenes
      .map((scene) => {
        const [of, row, name] = subjects(scene)[0];
        const whose = name.textContent ?? name;
        return `${whose}${scene.of}: ${hiddenTexts.announced(plain(parts(of, row, focus)))}`;
      })
      .join(" ");
  },
};
