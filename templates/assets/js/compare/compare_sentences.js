// What the page Compare says of a difference, as parts of sentences: texts, and points, which become links.

import { formats } from "../core/formats.js";
import { significance } from "../rows/significance.js";

const N_SAID = 3;
const LIKENESS = {
  fuji: ["rank tokens", "FUJI"],
  jensen_shannon: ["spread self-attention within documents", "Jensen-Shannon"],
};

const listed = (points) => points.slice(0, N_SAID).flatMap((point, i) => (i ? [", ", point] : [point]));

// Where something is so: all places if they are few, else their number and the first of them.
const most = (points, n, place = "") =>
  n <= N_SAID ? [place, ...listed(points)] : [`${place}${formats.count(n)}, most ${place}`, ...listed(points)];

const counted = ({ points, title }) => {
  const [noun, ...others] = title.toLowerCase().split(" ");
  return [formats.count(points.length), points.length === 1 ? noun.slice(0, -1) : noun, ...others].join(" ");
};

// Numbers without a test: what is highest on each side once the level of each is removed.
const described = (cloud, names) => {
  // How many differ either way says nothing: the level is the median, so it is always half.
  const { more, less, place, points } = cloud;
  if (points.length < 2 || !more.length || !less.length) return [];
  return [
    `Not tested against chance: of ${counted(cloud)}, at the same overall level, the self-attention of ${names[0]} ` +
      `exceeds that of ${names[1]} most ${place} `,
    ...listed(more),
    `, and falls below it most ${place} `,
    ...listed(less),
    ". ",
  ];
};

// Two classes or labels, each tested against all other documents: only what is beyond chance in one of them is named.
const tested = ({ points, tested: what, title, nouns: [one, several], qTooSmall }, names) => {
  const noun = title.toLowerCase();
  if (!points.length) return [`The ${what} of ${noun} was not compared. `];
  const clear = points.filter((point) => point.clear);
  const of = `the ${what} of a ${noun.slice(0, -1)}`;
  if (!clear.length)
    return [`In documents of neither ${one} does ${of} differ beyond chance from that of all others (q < 0.05). `];
  const sides = [
    [names[0], clear.filter(({ apart }) => apart > 0)],
    [names[1], clear.filter(({ apart }) => apart < 0).reverse()],
  ].filter(([, side]) => side.length);
  return [
    `Of the ${noun} whose ${what} in documents of one of the ${several} differs beyond chance from that of all ` +
      `others (${significance.test(qTooSmall)}), `,
    ...sides.flatMap(([name, side], i) => [
      `${i ? "; " : ""}${name} ${what === "use" ? "uses more " : "has more self-attention "}`,
      ...most(side, side.length, what === "use" ? "of " : "in "),
    ]),
    `. The two ${several} were not tested against each other. `,
  ];
};

// Two heads have likeness, an empty list if it was not compared; other pairs have none.
const alike = (likeness) => {
  if (!likeness) return [];
  if (!likeness.length) return ["Their likeness was not compared. "];
  return likeness.map(({ name, value, beyond }) => {
    const [verb, measure] = LIKENESS[name];
    const shown = beyond ? "They" : "They are not shown to";
    return `${shown} ${verb} alike beyond chance (${measure} ${value.toFixed(3)}). `;
  });
};

const finding = ({ names, likeness, clouds }) => [
  ...alike(likeness),
  ...clouds.flatMap((cloud) => (cloud.tested ? tested(cloud, names) : described(cloud, names))),
];

const nothing = ({ title }) => `Nothing to compare: fewer than two ${title.toLowerCase()} have a value on both sides.`;

// What the line of a picture marks.
const ratio = (by, names) => {
  const times = formats.significant(Math.exp(Math.abs(by)));
  const [higher, lower] = by < 0 ? [names[1], names[0]] : names;
  return times === formats.significant(1) ? null : { higher, lower, times };
};
const level = ({ logarithmic, level: by, even }, names) => {
  if (!logarithmic) return "On the line both sides are equal.";
  const found = ratio(by, names);
  const line = found
    ? `The line marks equal level: overall, ${found.higher} has ${found.times} times as much as ${found.lower}.`
    : "The line marks equal level: overall, both have as much.";
  // Documents of different length differ even if all tokens have equal attention.
  if (even === undefined) return line;
  const ofLength = ratio(even, names);
  return ofLength
    ? `${line} Because of their lengths, even attention gives ${ofLength.higher} ${ofLength.times} times as much.`
    : `${line} Their lengths give both as much.`;
};

export const compareSentences = { finding, nothing, level };
