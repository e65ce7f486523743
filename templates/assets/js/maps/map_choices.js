// The reader's choices in the section "Token to token": which window, which texts, which models, which view.

import { formats } from "../core/formats.js";

const VIEWS = ["lines", "matrix", "neuron"];
const HEADS = ["one", "layer", "pinned"];
// Weights below so many percent are not drawn as lines; where there are many heads, only stronger ones are.
const LEAST = { one: 2, layer: 5, pinned: 2 };
const MOST_LEAST = 50;
const MODELS = ["one", "both", "difference"];
const HINTS = {
  lines:
    "Point at a token: on the left, to see what it attends to; on the right, what attends to it. " +
    "Grey bars are what a token gives to keys not shown.",
  matrix: "Queries down, keys across; colours are logarithmic from 1 %. Blank: not among a query's strongest keys.",
  neuron:
    "Click a token to make it the query. Blue numbers are above zero, orange ones below. " +
    "The score is their scaled sum of products; its softmax over the keys is the attention.",
};
const OF_DIFFERENCES =
  "Blue: this model gives more attention, orange: less. Numbers are percentage points. A key that is among a query's " +
  "strongest in one model only has the smallest difference that is possible.";
const HINTS_OF_DIFFERENCES = {
  lines: OF_DIFFERENCES,
  matrix: `Queries down, keys across; square-root scale, full colour from 50 points. ${OF_DIFFERENCES}`,
};
const OF_LAYER =
  "Each colour is a head. Click it to hide or show it; double click, or Shift and click, to see it alone.";
const OF_WORDS =
  "What a word gives is the mean over its pieces, what it receives the sum over its pieces; weights that are not " +
  "stored count as keys not shown.";
const HIDDEN = "Special tokens are hidden, and count as keys not shown.";
const ONLY_OWN = "Neurons are shown for this model only.";
const ONE_MAP = "One map per head: rows are queries, columns are keys.";
const OF_MODEL =
  `${ONE_MAP} Logarithmic scale: blank is even attention or less, ` +
  "full colour is half of a query's attention or more. Click a map to open it.";
const OF_TWO_MODELS =
  `${ONE_MAP} Blue: this model gives more attention, orange: less. Square-root scale: full colour is a difference of ` +
  "50 percentage points or more. Click a map to open it.";
const byId = (id) => document.getElementById(id);

const offered = (select, value) =>
  [...select.options].some((option) => option.value === String(value)) ? String(value) : select.options[0].value;

// Boxes with their keys in the address, and whether they are usually checked: words are where the page shows words.
const BOXES = {
  special: ["map-special", "mapspecial", () => true],
  words: ["map-words", "mapwords", (state) => Boolean(state.get("words"))],
  large: ["map-large", "maprows", () => false],
};
const boxes = (state) =>
  Object.fromEntries(
    Object.entries(BOXES).map(([name, [, key, usual]]) => [name, (state.get(key) ?? String(+usual(state))) === "1"]),
  );

const headsOf = (state) => (HEADS.includes(state.get("mapheads")) ? state.get("mapheads") : "one");
const leastOf = (text, heads) => (/^\d+$/.test(text ?? "") && Number(text) <= MOST_LEAST ? Number(text) : LEAST[heads]);

// Fills the menus of one document, and passes on what the reader chooses.
const offer = (state, { maps: headers, mapModels, models, second }, doc) => {
  const range = ({ first, kept }) => `tokens ${first + kept[0]} to ${Math.min(doc.tokens, first + kept[1]) - 1}`;
  byId("map-window").replaceChildren(
    ...headers.map((header, i) => new Option(`${i + 1} of ${headers.length}, ${range(header)}`, i)),
  );
  byId("map-window-choice").hidden = headers.length < 2;
  byId("map-texts-choice").hidden = second === null;
  if (mapModels.length)
    byId("map-of").replaceChildren(...[0, ...mapModels].map((n) => new Option(models[n].title, models[n].name)));
  byId("map-of-choice").hidden = !mapModels.length;
  const selects = { "map-window": "window", "map-texts": "texts", "map-of": "mapmodel" };
  for (const [id, key] of Object.entries(selects))
    byId(id).addEventListener("change", (event) => state.set({ [key]: event.target.value }));
  byId("map-layer").replaceChildren(
    ...Array.from({ length: doc.layers }, (_, layer) => new Option(`L${layer}`, layer)),
  );
  byId("map-heads").addEventListener("change", ({ target }) => state.set({ mapheads: target.value }));
  for (const [id, key, usual] of Object.values(BOXES))
    byId(id).addEventListener("change", ({ target: { checked } }) =>
      state.set({ [key]: checked === usual(state) ? undefined : String(+checked) }),
    );
  byId("map-least").addEventListener("input", ({ target }) =>
    state.set({ mapleast: Number(target.value) === LEAST[headsOf(state)] ? undefined : target.value }),
  );
  for (const name of ["mapview", "mapcompare"])
    for (const input of document.querySelectorAll(`input[name=${name}]`))
      input.addEventListener("change", () => state.set({ [name]: input.value }));
};

// The choices as far as they are valid here. The views of vectors are of the study's own model only.
const read = (state, { mapModels, models, second }) => {
  const number = mapModels.find((n) => models[n].name === state.get("mapmodel")) ?? 0;
  const asked = VIEWS.includes(state.get("mapview")) ? state.get("mapview") : "lines";
  const together = number && MODELS.includes(state.get("mapcompare")) ? state.get("mapcompare") : "one";
  const view = number && asked === "neuron" ? "lines" : asked;
  const isDifference = together === "difference";
  const on = boxes(state);
  // The lines of several heads differ by colour, which differences need for their signs.
  const heads = view === "lines" && !isDifference ? headsOf(state) : "one";
  return {
    view,
    number,
    together,
    heads,
    ...on,
    // Of the difference between words no bound is known.
    words: on.words && view !== "neuron" && !isDifference,
    least: leastOf(state.get("mapleast"), heads) / 100,
    side: state.get("mapside") === "key" ? "key" : "query",
    texts: second === null ? "all" : offered(byId("map-texts"), state.get("texts")),
    window: Number(offered(byId("map-window"), state.get("window"))),
  };
};

const show = (chosen, { maps, models }) => {
  const { view, number, together, heads, texts, window } = chosen;
  byId("map-window").value = window;
  byId("map-texts").value = texts;
  if (models) byId("map-of").value = models[number].name;
  byId("map-compare").hidden = !number;
  const isDifference = together === "difference";
  byId("map-heads").value = heads;
  byId("map-heads").disabled = view !== "lines" || isDifference;
  byId("map-layer-choice").hidden = byId("map-legend").hidden = heads !== "layer";
  for (const [name, [id]] of Object.entries(BOXES)) byId(id).checked = chosen[name];
  byId("map-words").disabled = view === "neuron" || isDifference;
  byId("map-special").closest(".map-options").hidden = view === "neuron";
  byId("map-large").disabled = byId("map-least").disabled = view !== "lines";
  byId("map-least").value = Math.round(chosen.least * 100);
  byId("map-least-value").textContent = formats.percent(chosen.least);
  document.querySelector(`input[name=mapview][value=${view}]`).checked = true;
  document.querySelector("input[name=mapview][value=neuron]").disabled = number > 0 || !maps[window].vectors;
  document.querySelector(`input[name=mapcompare][value=${together}]`).checked = true;
  for (const other of ["", "-other"])
    for (const name of VIEWS) {
      const place = byId(`map-${name}${other}`);
      if (place) place.hidden = name !== view;
    }
  byId("map-hint").textContent = [
    (isDifference ? HINTS_OF_DIFFERENCES : HINTS)[view],
    heads === "layer" && OF_LAYER,
    chosen.words && OF_WORDS,
    !chosen.special && view !== "neuron" && HIDDEN,
    number && ONLY_OWN,
  ]
    .filter(Boolean)
    .join(" ");
  byId("map-model-hint").textContent = isDifference ? OF_TWO_MODELS : OF_MODEL;
  const both = together === "both";
  document.querySelector(".map-views").classList.toggle("both", both);
  for (const place of document.querySelectorAll(".map-model-other, .map-head-other")) place.hidden = !both;
};

export const mapChoices = { VIEWS, offer, read, show };
