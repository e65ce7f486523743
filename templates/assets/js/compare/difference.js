// How two heads, classes or documents differ: single measures on the axis of all, and many numbers of one side against
// the other.

import { formats } from "../core/formats.js";
import { headName } from "../core/head_name.js";

const N_MOST = 10;

const finite = (values) => values.filter((value) => value !== null && Number.isFinite(value));

// The position of a value among all values, in percent.
const axisOf = (values, logarithmic) => {
  const numbers = finite(values);
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const logs = logarithmic && low > 0;
  const place = logs
    ? (value) => Math.log(value / low) / (Math.log(high / low) || 1)
    : (value) => (value - low) / (high - low || 1);
  return { logarithmic: logs, place: (value) => 100 * Math.min(1, Math.max(0, place(value))) };
};

// How far left is from right: a ratio on a logarithmic axis, percentage points of shares, or a difference.
const apart = (left, right, logarithmic, share = false) => {
  if (left === null || right === null) return "–";
  if (logarithmic) return right > 0 ? `× ${formats.significant(left / right)}` : "–";
  if (share) {
    const points = formats.signed((left - right) * 100, 0);
    return `${points} point${/^[+−]1$/.test(points) ? "" : "s"}`;
  }
  const counted = Number.isInteger(left) && Number.isInteger(right);
  return `${left > right ? "+" : ""}${counted ? formats.count(left - right) : formats.significant(left - right)}`;
};

// One measure of both sides; `all` holds the values of every head or class.
const measure = (title, left, right, all, { logarithmic = false, share = false } = {}) => ({
  title,
  left,
  right,
  share,
  axis: axisOf(all, logarithmic),
});

const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

// Many numbers of both sides. A side may be higher as a whole: the level, the median ratio (or difference) of the two
// sides. Single numbers are compared after this level is removed.
const cloud = (points, logarithmic) => {
  const usable = points.filter(
    ({ left, right }) => left !== null && right !== null && (!logarithmic || (left > 0 && right > 0)),
  );
  const distance = ({ left, right }) => (logarithmic ? Math.log(left / right) : left - right);
  const level = logarithmic && usable.length ? median(usable.map(distance)) : 0;
  const ranked = usable
    .map((point) => ({ ...point, apart: distance(point) - level }))
    .sort((a, b) => b.apart - a.apart);
  const [more, less] = [ranked.filter((point) => point.apart > 0), ranked.filter((point) => point.apart < 0).reverse()];
  return {
    logarithmic,
    level,
    points: ranked,
    more: more.slice(0, N_MOST),
    less: less.slice(0, N_MOST),
  };
};

const rowOf = (heads, value) => {
  const [layer, head] = value.split(".").map(Number);
  return layer * heads + head;
};

const headPage = (row, heads) =>
  `heads/L${String(Math.floor(row / heads)).padStart(2, "0")}-H${String(row % heads).padStart(2, "0")}.html`;
const tokenPage = (item) => `tokens.html#${new URLSearchParams({ token: item })}`;

// The value of two heads in a list of pairs: row by row, the first head before the second.
const pairOf = ({ order, steps, values, beyond }, a, b) => {
  const [n, first, second] = [order.length, Math.min(a, b), Math.max(a, b)];
  const at = first * n - (first * (first + 1)) / 2 + second - first - 1;
  return { value: values[at] / steps, beyond: beyond[at] === "1" };
};

const ofHeads = (data, a, b) => {
  const { heads, vectors, metrics, likeness, items, values } = data;
  const [left, right] = [rowOf(heads, a), rowOf(heads, b)];
  const named = (metric, row) => metric.categories[metric.values[row]];
  return {
    names: [left, right].map((row) => headName(row, heads, vectors)),
    measures: metrics
      .filter(({ categories }) => !categories)
      .map((metric) => measure(metric.title, metric.values[left], metric.values[right], metric.values, metric)),
    words: metrics
      .filter(({ categories }) => categories)
      .map((metric) => ({ title: metric.title, left: named(metric, left), right: named(metric, right) })),
    likeness: Object.entries(likeness).map(([name, pairs]) => ({ name, ...pairOf(pairs, left, right) })),
    clouds: [
      {
        title: "Words",
        unit: "mean self-attention",
        place: "at",
        ...cloud(
          items.map((item, i) => ({
            name: item,
            page: tokenPage(item),
            text: true,
            left: values[left][i],
            right: values[right][i],
          })),
          true,
        ),
      },
    ],
  };
};

const ofClasses = (data, a, b, labels, { heads, vectors }) => {
  const { scores, effects, items, values } = data;
  const [nouns, qTooSmall] = [data.nouns, data.q_too_small];
  // What differs between a class and all other documents beyond chance.
  const beyond = (lists) => new Set([...lists[a], ...lists[b]]);
  const [clearHeads, clearWords] = [beyond(data.clear_heads), beyond(data.clear_items)];
  const word = (item, i) => ({
    clear: clearWords.has(i),
    name: item,
    page: tokenPage(item),
    text: true,
    left: values[a][i],
    right: values[b][i],
  });
  const head = (left, row) => ({
    clear: clearHeads.has(row),
    name: headName(row, heads, vectors),
    page: headPage(row, heads),
    left,
    right: effects[b][row],
  });
  return {
    names: [labels[a], labels[b]],
    measures: scores.map((score) =>
      measure(score.title, score.values[a], score.values[b], [0, ...score.values], score),
    ),
    words: [],
    likeness: null,
    clouds: [
      { title: "Words", unit: "z of use", tested: "use", nouns, qTooSmall, ...cloud(items.map(word), false) },
      {
        title: vectors ? "Vectors" : "Heads",
        unit: "g of self-attention",
        tested: "self-attention",
        nouns,
        qTooSmall,
        ...cloud(effects[a].map(head), false),
      },
    ],
  };
};

// Values of two documents of a regression, on the scale of all documents; the error of both from 0.
const ofValues = (left, right) => {
  if (!left || !right) return [];
  const [mine, theirs] = [left, right].map(({ rows }) => new Map(rows));
  return Object.entries({ predicted: "predicted value", gold: "gold value", error: "error" })
    .filter(([name]) => mine.has(name) || theirs.has(name))
    .map(([name, title]) => {
      const both = [mine.get(name) ?? null, theirs.get(name) ?? null];
      return measure(title, ...both, name === "error" ? [0, ...both] : left.scale);
    });
};

// Two documents, by the summaries that their pages send.
const ofDocuments = (left, right, { heads, vectors }) => {
  const both = left.words
    .filter(([word]) => right.words.some(([other]) => other === word))
    .map(([word, value]) => ({
      name: word,
      page: tokenPage(word),
      text: true,
      left: value,
      right: right.words.find(([other]) => other === word)[1],
    }));
  const chances = left.classes.map(([label, chance]) => [
    label,
    chance,
    right.classes.find(([other]) => other === label)?.[1] ?? null,
  ]);
  const whole = left.heads.length === right.heads.length;
  // With even attention, each of n tokens has 1/n.
  const even = Math.log(right.tokens / left.tokens);
  const name = (row) => (left.lite ? `L${row}` : headName(row, heads, vectors));
  return {
    names: [left.name, right.name],
    measures: [
      ...chances.map(([label, mine, theirs]) =>
        measure(`probability of ${label}`, mine, theirs, [0, 1], { share: true }),
      ),
      ...ofValues(left.values, right.values),
      measure("tokens", left.tokens, right.tokens, [0, left.tokens, right.tokens]),
    ],
    words: [],
    likeness: null,
    clouds: [
      ...(whole
        ? [
            {
              title: left.lite ? "Layers" : vectors ? "Vectors" : "Heads",
              unit: "mean self-attention",
              place: "in",
              even,
              ...cloud(
                left.heads.map((value, row) => ({
                  name: name(row),
                  page: left.lite ? "heads.html" : headPage(row, heads),
                  left: value,
                  right: right.heads[row],
                })),
                true,
              ),
            },
          ]
        : []),
      { title: "Words of both", unit: "mean self-attention", place: "at", even, ...cloud(both, true) },
    ],
  };
};

export const difference = { axisOf, apart, cloud, pairOf, ofHeads, ofClasses, ofDocuments };
