// The layer x head grid of the study and the maps of likeness, coloured by the chosen metric. A small grid has tooltips
// instead of numbers.

import { addressState } from "../core/address_state.js";
import { element } from "../core/element.js";
import { formats } from "../core/formats.js";
import { late } from "../core/late.js";
import { load } from "../core/load.js";
import { pages } from "../core/pages.js";
import { palette } from "../core/palette.js";
import { redraw } from "../core/redraw.js";
import { diverging } from "../diverging/diverging.js";
import { importanceTable } from "./importance_table.js";
import { likenessMatrix } from "./likeness_matrix.js";

const headFiles = late("headFiles");
const meanMaps = late("meanMaps");

const SKIPPED = 0.03;
const SORT = "change";

const finite = (values) => values.filter((value) => value !== null);

const RAMP_STEPS = [0, 51, 102, 153, 204, 255];
const rampOf = (css) => `linear-gradient(to right, ${RAMP_STEPS.map((step) => css[step]).join(", ")})`;
const inWords = (value) => (value === null ? "–" : formats.significant(value));

// Two colours, one on each side of 0, as strong as the value is far from it.
const aroundZero = ({ values }, now) => {
  const reach = Math.max(...finite(values).map(Math.abs));
  const css = diverging.ramp(now);
  const place = (value) => Math.round(127.5 + (127.5 * value) / (reach || 1));
  return {
    colour: (value) => (value === null ? now.line : css[place(value)]),
    words: inWords,
    legend: [
      [null, inWords(-reach)],
      [rampOf(css), inWords(reach)],
    ],
  };
};

// The colour and the label of every head, for a metric of numbers or of categories.
const colouring = (metric, now) => {
  if (metric.categories) {
    const colours = metric.categories.map((_, i) => palette.PINS[i % palette.PINS.length]);
    const names = metric.categories.map((name) => name.replace(/^group /, ""));
    return {
      colour: (value) => colours[value],
      words: (value) => names[value],
      legend: metric.categories.map((name, i) => [
        colours[i],
        `${name}: ${metric.values.filter((value) => value === i).length}`,
      ]),
    };
  }
  if (metric.diverging) return aroundZero(metric, now);
  const numbers = finite(metric.values);
  const least = Math.min(...numbers);
  const logarithmic = metric.logarithmic && least >= 0;
  // On a logarithmic ramp one head near 0 would leave a single colour for all others.
  const low = logarithmic ? numbers.sort((a, b) => a - b)[Math.floor(SKIPPED * (numbers.length - 1))] : least;
  const high = Math.max(...numbers);
  const place = logarithmic
    ? palette.placer(Math.max(1e-12, low), high)
    : (value) => Math.round((255 * (value - low)) / (high - low || 1));
  const words = inWords;
  return {
    colour: (value) => (value === null ? now.line : now.css[place(value)]),
    words,
    legend: [
      [null, `${low > least ? "up to " : ""}${words(low)}`],
      [rampOf(now.css), `${words(high)}${logarithmic ? ", logarithmic" : ""}`],
    ],
  };
};

// Swatches with labels; a ramp stands between its two ends.
const showLegend = (place, legend) =>
  place.replaceChildren(
    ...legend.flatMap(([colour, words]) => {
      const name = element("span", "", words);
      if (!colour) return [name];
      const swatch = element("i", colour.startsWith("linear") ? "ramp" : "swatch");
      swatch.style.background = colour;
      return [swatch, name];
    }),
  );

// What the reader chooses of the importance of heads: only those are in the grid, in the plots and in the table.
const showImportance = ({ columns, links, points, state }) => {
  const chooser = document.getElementById("show");
  const place = document.getElementById("importance-table");
  const table = importanceTable.create(place.querySelector("table"), columns, state);
  const draw = () => {
    const shown = importanceTable.shownHeads(columns, state.get("show"));
    links.forEach((link, row) => link.classList.toggle("off", !shown.has(row)));
    points.forEach((point) => point.classList.toggle("off", !shown.has(Number(point.dataset.row))));
    document.getElementById("n-shown").textContent = `${shown.size} of ${links.length} heads`;
    chooser.value = state.get("show");
    table.draw();
    if (state.get("show") || state.get("sort") !== SORT) place.open = true;
  };
  chooser.addEventListener("change", () => state.set({ show: chooser.value }));
  state.subscribe(draw);
  draw();
};

// The export panel of the page. Its scripts load when the reader opens it.
const handOut = async (panel, page) => {
  try {
    await Promise.all(["exports", "head_files"].map((name) => load(`assets/${name}.js`)));
    headFiles().create(panel, page);
  } catch (fault) {
    document.getElementById("export-note").textContent = `Nothing can be exported: ${fault.message}.`;
  }
};

const start = () => {
  const links = [...document.querySelectorAll("#head-table a")];
  const payload = JSON.parse(document.getElementById("heads-payload")?.textContent ?? "{}");
  const metrics = payload.metrics ?? [
    { name: "mean", title: "mean", values: links.map((link) => Number(link.dataset.mean)), logarithmic: true },
  ];
  const names = links.map((link) => link.getAttribute("aria-label")?.replace(/, mean [^,]*$/, ""));
  const points = [...document.querySelectorAll(".head-map circle")];
  const chooser = document.getElementById("metric");
  const state = addressState.create({ metric: "mean", show: "", sort: SORT });
  const draw = () => {
    const metric = metrics.find(({ name }) => name === state.get("metric")) ?? metrics[0];
    const now = palette.current();
    const { colour, words, legend } = colouring(metric, now);
    links.forEach((link, row) => {
      const value = metric.values[row];
      link.style.backgroundColor = colour(value);
      if (link.title) return;
      link.textContent = words(value);
      link.style.color = palette.inkOn(link.style.backgroundColor);
      link.setAttribute("aria-label", `${names[row]}, ${metric.title} ${words(value)}`);
    });
    points.forEach((point) => {
      point.style.fill = colour(metric.values[point.dataset.row]);
    });
    if (chooser) chooser.value = metric.name;
    const place = document.getElementById("legend-text");
    if (place) showLegend(place, legend);
  };
  chooser?.addEventListener("change", () => state.set({ metric: chooser.value }));
  state.subscribe(draw);
  redraw.on(draw);
  draw();
  if (payload.importance) showImportance({ columns: payload.importance, links, points, state });
  const maps = document.getElementById("mean-maps");
  if (maps) meanMaps().all(maps, payload.mean_maps, payload);
  const matrices = Object.fromEntries(
    [...document.querySelectorAll(".likeness")].map((place) => [
      place.dataset.measure,
      likenessMatrix.create(place, payload.likeness[place.dataset.measure], payload),
    ]),
  );
  document
    .getElementById("exports")
    ?.addEventListener("toggle", (event) => handOut(event.target, { payload, metrics, matrices }), { once: true });
};

export const headsPage = { colouring };
for (const kind of ["start", "heads"]) pages.add(kind, start);
