// Statistics of heads that no view of the first picture needs.
((attviz) => {
  "use strict";

  // Mean over the heads of each layer, [layer, token], of the numbers that each head's table gives its codes.
  const layerMeans = ({ codes, layers, heads, tokens }, tables) => {
    const means = new Float64Array(layers * tokens);
    for (let row = 0; row < layers * heads; row++) {
      const target = Math.floor(row / heads) * tokens;
      for (let t = 0; t < tokens; t++) means[target + t] += tables[row][codes[row * tokens + t]] / heads;
    }
    return means;
  };

  // Sum of squared deviations of each head over the tokens that count, [row].
  const headVariances = ({ codes, values, rows, tokens, skipped, headMeans: means }) => Float64Array.from({ length: rows }, (_, row) => {
    let sum = 0;
    for (let t = 0; t < tokens; t++) if (!skipped[t]) sum += (values[codes[row * tokens + t]] - means[row]) ** 2;
    return sum;
  });

  Object.assign(attviz.stats, { layerMeans, headVariances });
})(globalThis.attviz ??= {});
