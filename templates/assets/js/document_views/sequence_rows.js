// The rows of the token-by-token view, and how each cell is drawn.

import { late } from "../core/late.js";
import { stats } from "../document/stats.js";
import { headStats } from "./head_stats.js";
import { measures } from "./measures.js";
import { spread } from "./spread.js";

const evidenceRows = late("evidenceRows");

const VARIED = 10;

// A cell in a colour of the ramp, or in the pin's colour, more opaque for higher values.
const cells = (colours, place, value, own) => ({
  value,
  draw: (context, token, x, y, width, height) => {
    Object.assign(
      context,
      own ? { fillStyle: own, globalAlpha: place(token) / 255 } : { fillStyle: colours.css[place(token)] },
    );
    context.fillRect(x, y, width, height);
    context.globalAlpha = 1;
  },
});

// A bar scaled to the range of its row, darker for higher values. Lengths can be compared along the row.
const bars = (colours, numbers, low, high, own) => (context, token, x, y, width, height) => {
  const share = Math.max(0, Math.min(1, (numbers[token] - low) / (high - low || 1)));
  context.fillStyle = colours.line;
  context.fillRect(x, y + height - 1, width, 1);
  Object.assign(
    context,
    own
      ? { fillStyle: own, globalAlpha: 0.35 + 0.65 * share }
      : { fillStyle: colours.css[Math.round(90 + 150 * share)] },
  );
  const bar = Math.max(1, share * (height - 3));
  context.fillRect(x, y + height - bar, width, bar);
  context.globalAlpha = 1;
};

const headRow = (doc, { colours, norm, tint }, row, look) => ({
  row,
  label: "",
  title: doc.name(row),
  unit: norm.unit,
  height: 9,
  gap: 1,
  ...look,
  ...cells(
    colours,
    (token) => norm.placeAt(row, token),
    (token) => norm.number(row, token),
    tint === "1" && look.colour,
  ),
});

const layerRows = (doc, { colours, norm }) => {
  const means = headStats.layerMeans(doc, norm.table);
  return Array.from({ length: doc.layers }, (_, layer) => {
    const mean = (token) => means[layer * doc.tokens + token];
    return {
      label: `L${layer}`,
      title: `L${layer}`,
      unit: norm.unit,
      row: -1,
      height: 9,
      gap: 1,
      ...cells(colours, (token) => norm.place(mean(token)), mean),
    };
  });
};

const barRow = (doc, { colours, tint }, label, numbers, look) => {
  const ordinary = numbers.filter((_, token) => !doc.skipped[token]);
  return {
    label,
    title: label,
    row: -1,
    height: 22,
    gap: 4,
    ...look,
    value: (token) => numbers[token],
    draw: bars(colours, numbers, Math.min(...ordinary), stats.quantile(ordinary, 0.995), tint === "1" && look?.colour),
  };
};

const pinnedRows = (doc, view) =>
  view.pinned
    .filter(({ hidden }) => !hidden)
    .map(({ key, row, name, colour }, i) =>
      row >= 0
        ? headRow(doc, view, row, { label: name, title: name, colour, height: 11, gap: i ? 2 : 5 })
        : barRow(doc, view, name, doc.aggregates[key], { colour, gap: 5 }),
    );

const allRows = (doc, view) =>
  Array.from({ length: doc.rows }, (_, row) =>
    headRow(doc, view, row, {
      label: row % doc.heads ? "" : `L${row / doc.heads}`,
      height: 3,
      gap: row % doc.heads ? 0 : 2,
    }),
  );

const chosenRows = (doc, view, rows) => rows.map((row) => headRow(doc, view, row, { label: doc.name(row) }));

// The heads whose values vary most between counted tokens.
const mostVaried = (doc) => {
  const variance = headStats.headVariances(doc);
  return [...variance.keys()].sort((a, b) => variance[b] - variance[a] || a - b).slice(0, VARIED);
};

const aggregateRows = (doc, view) =>
  [...measures.rows(doc, doc.aggregates), ...(doc.lite ? [] : spread.otherwise(doc))].map(([label, numbers]) =>
    barRow(doc, view, label, numbers),
  );

const range = (n) => Array.from({ length: n }, (_, i) => i);

// The choices: value in the address and name. Layers and heads have groups of their own.
const CHOICES = [
  ["layers", "layers and pins"],
  ["pins", "pins only"],
  ["varied", `${VARIED} heads that vary most`],
  ["heads", "all heads"],
  ["aggregates", "all aggregates"],
];
const groups = (doc) =>
  doc.layers < 2 || doc.lite
    ? []
    : [
        ["heads of a layer", range(doc.layers).map((layer) => [`L${layer}`, `layer ${layer}`])],
        ["one head of every layer", range(doc.heads).map((head) => [`H${head}`, `head ${head}`])],
      ];

const ROWS = {
  __proto__: null,
  pins: () => [],
  layers: layerRows,
  heads: allRows,
  aggregates: aggregateRows,
  evidence: (doc, view) => (doc.evidence ? evidenceRows() : layerRows)(doc, view),
  varied: (doc, view) => chosenRows(doc, view, mostVaried(doc)),
};

const rowsOf = (doc, view) => {
  const [, kind, number] = /^([LH])(\d+)$/.exec(view.rows) ?? [];
  if (view.rows === "aggregates") return aggregateRows(doc, view);
  const layer =
    kind === "L" &&
    number < doc.layers &&
    chosenRows(
      doc,
      view,
      range(doc.heads).map((head) => number * doc.heads + head),
    );
  const head =
    kind === "H" &&
    number < doc.heads &&
    chosenRows(
      doc,
      view,
      range(doc.layers).map((i) => i * doc.heads + Number(number)),
    );
  return [...(layer || head || (ROWS[view.rows] ?? layerRows)(doc, view)), ...pinnedRows(doc, view)];
};

const fill = (select, doc) => {
  const option = ([value, text]) => new Option(text, value);
  const group = ([label, choices]) => {
    const made = Object.assign(document.createElement("optgroup"), { label });
    made.append(...choices.map(option));
    return made;
  };
  const evidence = doc.evidence ? [["evidence", "what the prediction depends on"]] : [];
  select.replaceChildren(...[...CHOICES, ...evidence].map(option), ...groups(doc).map(group));
};

export const sequenceRows = { fill, rowsOf, mostVaried };
