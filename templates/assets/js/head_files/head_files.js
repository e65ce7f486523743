// Files of the page of all heads: its pictures as the page shows them, and its numbers.

import { formats } from "../core/formats.js";
import { palette } from "../core/palette.js";
import { csv } from "../exports/csv.js";
import { exportFiles } from "../exports/export_files.js";
import { pictures } from "../exports/pictures.js";
import { svg } from "../exports/svg.js";
import { diverging } from "../diverging/diverging.js";
import { meanMaps } from "../mean_maps/mean_maps.js";

const RAMP_STEPS = 64;
// A matrix has names beside its rows when a row is high enough for letters.
const [LEAST_ROW, NAME_WIDTH, LARGEST_NAME] = [7, 56, 11];
// Margin around a map, where the names of outer points need room, and before a legend, to align it with the title.
const [MAP_MARGIN, LEGEND_INDENT] = [24, 4];
const byId = (id) => document.getElementById(id);

// A drawing context of an element's size, and a function that gives the position of another element on it.
const within = (element) => {
  const box = element.getBoundingClientRect();
  const place = (part) => {
    const { left, top, width, height } = part.getBoundingClientRect();
    return { x: left - box.left, y: top - box.top, width, height };
  };
  return { context: new svg.SvgContext(box.width, box.height, 1), place };
};

const write = (context, element, { x, y, width, height }, align) => {
  const { fontSize, fontFamily, color } = getComputedStyle(element);
  Object.assign(context, {
    font: `${fontSize} ${fontFamily}`,
    fillStyle: color,
    textAlign: align,
    textBaseline: "middle",
  });
  context.fillText(element.textContent, align === "center" ? x + width / 2 : x, y + height / 2, width);
};

const ground = (context, element, { x, y, width, height }) => {
  const [colour, alpha] = pictures.plainColour(getComputedStyle(element).backgroundColor);
  context.fillStyle = colour;
  if (alpha > 0) context.fillRect(x, y, width, height);
};

// A table of heads: titles, and cells that hold a colour with a number, or a picture.
const table = (element) => {
  const { context, place } = within(element);
  context.imageSmoothingEnabled = false;
  for (const cell of element.querySelectorAll("thead th, tbody :is(th, a)")) {
    const canvas = cell.querySelector("canvas");
    const at = place(canvas ?? cell);
    if (canvas) context.drawImage(canvas, 0, 0, canvas.width, canvas.height, at.x, at.y, at.width, at.height);
    else {
      ground(context, cell, at);
      write(context, cell, at, "center");
    }
  }
  return context;
};

const legend = ({ metrics }, colours) => {
  const chosen = metrics.find(({ name }) => name === byId("metric").value);
  const css = chosen?.diverging ? diverging.ramp(colours) : colours.css;
  const { context, place } = within(byId("legend-text"));
  context.width += LEGEND_INDENT;
  context.translate(LEGEND_INDENT, 0);
  for (const part of byId("legend-text").children) {
    const at = place(part);
    if (part.className === "ramp") {
      const width = at.width / RAMP_STEPS;
      for (let step = 0; step < RAMP_STEPS; step++) {
        context.fillStyle = css[Math.round((255 * step) / (RAMP_STEPS - 1))];
        context.fillRect(at.x + step * width, at.y, width + 0.5, at.height);
      }
    } else if (part.className === "swatch") ground(context, part, at);
    else write(context, part, at, "left");
  }
  return context;
};

const matrix = ({ matrix: { n, order }, name, paint, side }, { muted, font }) => {
  const row = side() / n;
  const names = row < LEAST_ROW ? 0 : NAME_WIDTH;
  const context = new svg.SvgContext(names + side(), side(), 1);
  context.translate(names, 0);
  paint(context, side());
  context.setTransform();
  Object.assign(context, {
    font: `${Math.min(LARGEST_NAME, 0.8 * row)}px ${font}`,
    fillStyle: muted,
    textAlign: "right",
    textBaseline: "middle",
  });
  if (names) order.forEach((head, i) => context.fillText(name(head), names - 4, (i + 0.5) * row));
  return context;
};

const map = (picture, { muted, font }) => {
  const { width, height } = picture.viewBox.baseVal;
  const context = new svg.SvgContext(width + 2 * MAP_MARGIN, height + 2 * MAP_MARGIN, 1);
  context.translate(MAP_MARGIN, MAP_MARGIN);
  const number = (mark, name) => Number(mark.getAttribute(name));
  for (const mark of picture.querySelectorAll("circle")) {
    const { fill, stroke, strokeWidth } = getComputedStyle(mark);
    const [fillStyle, strokeStyle] = [fill, stroke].map((colour) => pictures.plainColour(colour)[0]);
    Object.assign(context, { fillStyle, strokeStyle, lineWidth: parseFloat(strokeWidth) });
    context.beginPath();
    context.arc(number(mark, "cx"), number(mark, "cy"), number(mark, "r"));
    context.fill();
    context.stroke();
  }
  for (const mark of picture.querySelectorAll("text")) {
    Object.assign(context, {
      font: `${getComputedStyle(mark).fontSize} ${font}`,
      fillStyle: muted,
      textAlign: "center",
    });
    context.fillText(mark.textContent, number(mark, "x"), number(mark, "y"));
  }
  return context;
};

const of = (measure) => document.querySelector(`.likeness[data-measure="${measure}"]`);

const PICTURES = {
  grid: (page, colours) => [legend(page, colours), table(byId("head-table"))],
  means: () => [table(byId("mean-maps").querySelector("table"))],
  matrix: ({ matrices }, colours, measure) => [matrix(matrices[measure], colours)],
  map: (page, colours, measure) => [legend(page, colours), map(of(measure).querySelector(".head-map"), colours)],
};

const place = (row, { heads }) => [Math.floor(row / heads), row % heads];

const TABLES = {
  grid: ({ metrics, payload }) => [
    ["layer", "head", ...metrics.map(({ name }) => name)],
    ...metrics[0].values.map((_, row) => [
      ...place(row, payload),
      ...metrics.map(({ values, categories }) =>
        values[row] === null ? "" : categories ? csv.quoted(categories[values[row]]) : values[row],
      ),
    ]),
  ],
  means: ({ payload: { mean_maps: means, ...payload } }) => [
    ["layer", "head", "query", "key", "attention"],
    ...means.codes.flatMap((codes, row) =>
      [...meanMaps.decode(means, codes)].map((value, i) => [
        ...place(row, payload),
        Math.floor(i / means.cells),
        i % means.cells,
        value.toPrecision(4),
      ]),
    ),
  ],
  matrix: ({ matrices, payload }, measure) => {
    const { n, value, beyond } = matrices[measure].matrix;
    const pairs = Array.from({ length: n }, (_, a) =>
      Array.from({ length: n - a - 1 }, (__, i) => [a, a + i + 1]),
    ).flat();
    return [
      ["layer", "head", "other_layer", "other_head", measure, "beyond_chance"],
      ...pairs.map(([a, b]) => [...place(a, payload), ...place(b, payload), value(a, b), Number(beyond(a, b))]),
    ];
  },
  map: ({ payload }, measure) => [
    ["layer", "head", "x", "y"],
    ...[...of(measure).querySelectorAll("circle")].map((mark) => [
      ...place(mark.dataset.row, payload),
      mark.getAttribute("cx"),
      mark.getAttribute("cy"),
    ]),
  ],
};

const metricTitle = () => byId("metric").selectedOptions[0].text;

// What the colours mean: a picture alone does not say it.
const WORDS = {
  grid: () => `, colour: ${metricTitle()}`,
  means: ({ payload }) =>
    `: queries down, keys across; blank up to ${formats.significant(1 / payload.mean_maps.cells)} of attention, ` +
    "strongest from 0.5 on, logarithmic",
  matrix: ({ payload }, measure) =>
    `, colours from ${payload.likeness[measure].range.map((value) => formats.significant(value)).join(" to ")}; ` +
    "faint: not more similar than chance",
  map: () => `, colour: ${metricTitle()}`,
};

const create = (panel, page) => {
  const select = byId("export-view");
  exportFiles.serve(panel, () => {
    const [
      {
        value,
        text,
        dataset: { measure },
      },
    ] = select.selectedOptions;
    const title = `${document.querySelector("h1").textContent.trim()} – ${text}`;
    const colours = palette.current();
    const picture = () =>
      pictures.assembled(title, title + WORDS[value](page, measure), colours, PICTURES[value](page, colours, measure));
    return exportFiles.formats(["heads", value, measure].filter(Boolean).join("-"), picture, () =>
      csv.file(TABLES[value](page, measure)),
    );
  });
  panel.querySelectorAll("[data-format]").forEach((button) => {
    button.disabled = false;
  });
};

export const headFiles = { create };
