// Which rows the token-by-token view shows, and how each cell is drawn.
((attviz) => {
  "use strict";

  const cells = (colours, place, value) => (context, token, x, y, width, height) => {
    context.fillStyle = colours.css[place(value(token))];
    context.fillRect(x, y, width, height);
  };

  // A bar within its own row's range, darker where it is higher: its length can be compared along the row.
  const bars = (colours, numbers, low, high) => (context, token, x, y, width, height) => {
    const share = Math.max(0, Math.min(1, (numbers[token] - low) / (high - low || 1)));
    context.fillStyle = colours.line;
    context.fillRect(x, y + height - 1, width, 1);
    context.fillStyle = colours.css[Math.round(90 + 150 * share)];
    const bar = Math.max(1, share * (height - 3));
    context.fillRect(x, y + height - bar, width, bar);
  };

  const layerMean = (doc, layer) => doc.headMeans.subarray(layer * doc.heads, (layer + 1) * doc.heads).reduce((a, b) => a + b, 0) / doc.heads;

  const layerRows = (doc, { colours, placeIn }) => Array.from({ length: doc.layers }, (_, layer) => ({
    label: `L${layer}`, row: -1, height: 9, gap: 1,
    draw: cells(colours, placeIn(layerMean(doc, layer)), (token) => doc.layerMeans[layer * doc.tokens + token]),
  }));

  const pinnedRows = (doc, { colours, placeIn, pins }) => pins.map(({ row, colour }, i) => ({
    label: doc.name(row), row, colour, height: 11, gap: i ? 2 : 5,
    draw: cells(colours, placeIn(doc.headMeans[row]), (token) => doc.value(row, token)),
  }));

  const headRows = (doc, { colours, placeIn }) => Array.from({ length: doc.rows }, (_, row) => ({
    label: row % doc.heads ? "" : `L${row / doc.heads}`, row, height: 3, gap: row % doc.heads ? 0 : 2,
    draw: cells(colours, placeIn(doc.headMeans[row]), (token) => doc.value(row, token)),
  }));

  const aggregateRows = (doc, { colours }) => attviz.attention.AGGREGATES.map((name) => {
    const numbers = doc.aggregates[name];
    const ordinary = numbers.filter((_, token) => !doc.special[token]);
    return { label: name, row: -1, height: 22, gap: 4, draw: bars(colours, numbers, Math.min(...ordinary), attviz.stats.quantile(ordinary, 0.995)) };
  });

  attviz.rowsOf = (doc, view) => {
    if (view.rows === "aggregates") return aggregateRows(doc, view);
    if (view.rows === "heads") return headRows(doc, view);
    return [...layerRows(doc, view), ...pinnedRows(doc, view)];
  };
})(globalThis.attviz ??= {});
