// Statistics of one document, computed from codes by lookup table.

// Mean of each head over the counted tokens, [row].
const headMeans = ({ codes, values, rows, tokens, skipped }) => {
  const means = new Float64Array(rows);
  const ordinary = tokens - skipped.reduce((a, b) => a + b, 0);
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let t = 0; t < tokens; t++) if (!skipped[t]) sum += values[codes[row * tokens + t]];
    means[row] = ordinary ? sum / ordinary : 0;
  }
  return means;
};

// The rows with the largest and the smallest value at each token.
const extremes = ({ codes, rows, tokens }) => {
  const highest = new Uint16Array(tokens);
  const lowest = new Uint16Array(tokens);
  for (let row = 1; row < rows; row++) {
    for (let t = 0; t < tokens; t++) {
      const code = codes[row * tokens + t];
      if (code > codes[highest[t] * tokens + t]) highest[t] = row;
      if (code < codes[lowest[t] * tokens + t]) lowest[t] = row;
    }
  }
  return { highest, lowest };
};

// The value below which a given share of the numbers lies.
const quantile = (numbers, share) => {
  const sorted = Float64Array.from(numbers).sort();
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] : 0;
};

export const stats = { headMeans, extremes, quantile };
