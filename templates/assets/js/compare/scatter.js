// A scatter plot of many numbers of the left side against the same numbers of the right side, on equal axes.

import { clip } from "../core/clip.js";
import { formats } from "../core/formats.js";

const SIZE = 300;
const NAMED = 4;
const NEAR = 14;

const svg = (tag, attributes = {}, text) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
};

// Round values between two ends: powers of ten, with 2 and 5 between them if there are few; or even steps.
const ticks = (low, high, logarithmic) => {
  if (!logarithmic) {
    const rough = (high - low) / 5 || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough);
    const first = Math.ceil(low / step);
    return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) =>
      Number(((first + i) * step).toPrecision(12)),
    );
  }
  const powers = Array.from(
    { length: Math.ceil(Math.log10(high)) - Math.floor(Math.log10(low)) + 1 },
    (_, i) => Math.floor(Math.log10(low)) + i,
  );
  const within = (factors) =>
    powers
      .flatMap((power) => factors.map((factor) => Number(`${factor}e${power}`)))
      .filter((value) => value >= low && value <= high);
  const few = within([1]);
  return few.length > 2 ? few : within([1, 2, 5]);
};

// One axis for both sides, with a margin at its ends.
const scaleOf = ({ points, logarithmic }) => {
  const turn = logarithmic ? Math.log : (value) => value;
  const back = logarithmic ? Math.exp : (value) => value;
  const values = points.flatMap(({ left, right }) => [turn(left), turn(right)]);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const room = 0.04 * (most - least) || 0.5;
  const [low, high] = [least - room, most + room];
  return {
    place: (value) => (SIZE * (turn(value) - low)) / (high - low),
    slope: SIZE / (high - low),
    low: back(low),
    high: back(high),
  };
};

const create = (cloud, names) => {
  const { points, level, logarithmic } = cloud;
  const scale = scaleOf(cloud);
  const at = points.map(({ left, right }) => [scale.place(left), SIZE - scale.place(right)]);
  const picture = svg("svg", {
    viewBox: `-48 -8 ${SIZE + 56} ${SIZE + 52}`,
    role: "img",
    class: "scatter",
    "aria-label":
      `${cloud.title}: ${cloud.unit} in ${names[0]} against ${names[1]}; ` +
      "the tables beside it list the numbers that differ most, the table below lists all",
  });
  for (const value of ticks(scale.low, scale.high, logarithmic)) {
    const [place, label] = [scale.place(value), value === 0 ? "0" : formats.significant(value, 1)];
    picture.append(
      svg("line", { class: "grid", x1: place, x2: place, y1: 0, y2: SIZE }),
      svg("line", { class: "grid", x1: 0, x2: SIZE, y1: SIZE - place, y2: SIZE - place }),
      svg("text", { x: place, y: SIZE + 16, "text-anchor": "middle" }, label),
      svg("text", { x: -6, y: SIZE - place + 4, "text-anchor": "end" }, label),
    );
  }
  const shift = level * scale.slope;
  const [from, to] = [Math.max(0, shift), Math.min(SIZE, SIZE + shift)];
  picture.append(svg("line", { class: "level", x1: from, y1: SIZE - from + shift, x2: to, y2: SIZE - to + shift }));
  points.forEach(({ apart }, i) =>
    picture.append(
      svg("circle", {
        class: apart > 0 ? "of-left" : "of-right",
        cx: at[i][0].toFixed(1),
        cy: at[i][1].toFixed(1),
        r: 3,
      }),
    ),
  );
  const named = [];
  for (const point of [cloud.more, cloud.less].flatMap((side) => side.slice(0, NAMED))) {
    const [x, y] = at[points.indexOf(point)];
    if (named.some(([otherX, otherY]) => Math.abs(x - otherX) < 70 && Math.abs(y - otherY) < 13)) continue;
    named.push([x, y]);
    const left = x > 0.7 * SIZE;
    picture.append(
      svg(
        "text",
        {
          class: point.text ? "name token" : "name",
          x: x + (left ? -7 : 7),
          y: y + 4,
          "text-anchor": left ? "end" : "start",
        },
        clip(point.name, 18),
      ),
    );
  }
  picture.append(
    svg(
      "text",
      { class: "axis-title of-left", x: SIZE, y: SIZE + 36, "text-anchor": "end" },
      `${clip(names[0], 24)} →`,
    ),
    svg("text", { class: "axis-title of-right", x: -44, y: SIZE + 36 }, `↑ ${clip(names[1], 24)}`),
  );
  return { picture, nearest: (x, y) => nearest(at, x, y) };
};

// The index of the point near a position in the drawing; -1 if there is none.
const nearest = (at, x, y) => {
  let [best, least] = [-1, NEAR ** 2];
  at.forEach(([px, py], i) => {
    const distance = (px - x) ** 2 + (py - y) ** 2;
    if (distance < least) [best, least] = [i, distance];
  });
  return best;
};

export const scatter = { SIZE, svg, ticks, scaleOf, create };
