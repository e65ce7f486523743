// Aggregates over heads that the page does not store: of normalised numbers, and by the other definition. Computed from
// codes, so marked ≈.

const BINS = 100;
const NAMES = ["mean", "std", "max", "min", "range"];

const of = (doc, { number }) => {
  const made = Object.fromEntries(NAMES.map((name) => [name, new Float64Array(doc.tokens)]));
  const freedom = doc.definition === "attviz" ? doc.rows : Math.max(1, doc.rows - 1);
  for (let token = 0; token < doc.tokens; token++) {
    let [sum, low, high] = [0, Infinity, -Infinity];
    for (let row = 0; row < doc.rows; row++) {
      const value = number(row, token);
      sum += value;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    const mean = sum / doc.rows;
    let squares = 0;
    for (let row = 0; row < doc.rows; row++) squares += (number(row, token) - mean) ** 2;
    Object.entries({ mean, std: Math.sqrt(squares / freedom), max: high, min: low, range: high - low }).forEach(
      ([name, value]) => {
        made[name][token] = value;
      },
    );
  }
  return made;
};

// Table 2 of the paper: -(1/m) sum of a ln a, m the number of distinct values. Exact values are hardly ever equal, but
// many share a code, so all values are counted.
const entropy = (values) =>
  -values.reduce((sum, value) => sum + (value > 0 ? value * Math.log(value) : 0), 0) / values.length;

// AttViz's viewer: entropy of bins of 0.01, divided by the number of non-empty bins.
const binnedEntropy = (values) => {
  const bins = new Map();
  values.forEach((value) => bins.set(Math.floor(value * BINS), (bins.get(Math.floor(value * BINS)) ?? 0) + 1));
  return (
    -[...bins.values()].reduce((sum, count) => sum + (count / values.length) * Math.log(count / values.length), 0) /
    bins.size
  );
};

const column = (doc, token) => Array.from({ length: doc.rows }, (_, row) => doc.value(row, token));

// Standard deviation and entropy by the definition that this study does not use.
const otherwise = (doc) => {
  const [name, measure, factor] =
    doc.definition === "attviz"
      ? ["Tab. 2", entropy, Math.sqrt(doc.rows / Math.max(1, doc.rows - 1))]
      : ["AttViz", binnedEntropy, Math.sqrt((doc.rows - 1) / doc.rows)];
  return [
    [`std ${name}`, doc.aggregates.std.map((value) => value * factor)],
    [`≈ entr. ${name}`, Float64Array.from({ length: doc.tokens }, (_, token) => measure(column(doc, token)))],
  ];
};

export const spread = { NAMES, of, otherwise, column, entropy, binnedEntropy };
