// Statistics that the first picture does not need.

// Mean over the heads of each layer, [layer, token], of the numbers in each head's table.
const layerMeans = ({ codes, layers, heads, tokens }, tableOf) => {
  const means = new Float64Array(layers * tokens);
  for (let row = 0; row < layers * heads; row++) {
    const [table, target] = [tableOf(row), Math.floor(row / heads) * tokens];
    for (let t = 0; t < tokens; t++) means[target + t] += table[codes[row * tokens + t]] / heads;
  }
  return means;
};

// Sum of squared deviations of each head over the counted tokens, [row].
const headVariances = ({ codes, values, rows, tokens, skipped, headMeans: means }) =>
  Float64Array.from({ length: rows }, (_, row) => {
    let sum = 0;
    for (let t = 0; t < tokens; t++) if (!skipped[t]) sum += (values[codes[row * tokens + t]] - means[row]) ** 2;
    return sum;
  });

// Share of a head's counted tokens that have a lower value, ties counted half, [code].
const shares = (doc, row) => {
  const counts = new Uint32Array(doc.values.length);
  let total = 0;
  for (let token = 0; token < doc.tokens; token++) {
    if (doc.skipped[token]) continue;
    counts[doc.codes[row * doc.tokens + token]]++;
    total++;
  }
  let below = 0;
  return Float64Array.from(counts, (count) => {
    below += count;
    return total ? (below - count / 2) / total : 0;
  });
};

// Mid-ranks from 1: equal numbers share the mean of their ranks.
const ranks = (numbers) => {
  const order = [...numbers.keys()].sort((a, b) => numbers[a] - numbers[b]);
  const made = new Float64Array(numbers.length);
  for (let first = 0, last = 0; first < order.length; first = last) {
    while (last < order.length && numbers[order[last]] === numbers[order[first]]) last++;
    for (let place = first; place < last; place++) made[order[place]] = (first + last + 1) / 2;
  }
  return made;
};

// Spearman's rank correlation of two lists, -1 to 1; NaN if one of them is constant.
const spearman = (a, b) => {
  const [x, y] = [a, b].map((numbers) => ranks(numbers).map((rank) => rank - (numbers.length + 1) / 2));
  const product = (u, v) => u.reduce((sum, value, i) => sum + value * v[i], 0);
  return product(x, y) / Math.sqrt(product(x, x) * product(y, y));
};

export const headStats = { layerMeans, headVariances, shares, spearman };
