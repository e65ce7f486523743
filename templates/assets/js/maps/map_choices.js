// The reader's choices in the section "Token to token": which window, which texts, which models, which view.

const VIEWS = ["lines", "matrix", "neuron"];
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
  byId("map-pinned").addEventListener("change", (event) =>
    state.set({ mapheads: event.target.checked ? "pinned" : "one" }),
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
  return {
    view: number && asked === "neuron" ? "lines" : asked,
    number,
    together,
    pinned: state.get("mapheads") === "pinned" && together !== "difference",
    side: state.get("mapside") === "key" ? "key" : "query",
    texts: second === null ? "all" : offered(byId("map-texts"), state.get("texts")),
    window: Number(offered(byId("map-window"), state.get("window"))),
  };
};

const show = ({ view, number, together, pinned, texts, window }, { models }) => {
  byId("map-window").value = window;
  byId("map-texts").value = texts;
  if (models) byId("map-of").value = models[number].name;
  byId("map-compare").hidden = !number;
  byId("map-pinned").checked = pinned;
  byId("map-pinned").disabled = view !== "lines" || together === "difference";
  document.querySelector(`input[name=mapview][value=${view}]`).checked = true;
  document.querySelector("input[name=mapview][value=neuron]").disabled = number > 0;
  document.querySelector(`input[name=mapcompare][value=${together}]`).checked = true;
  for (const other of ["", "-other"])
    for (const name of VIEWS) {
      const place = byId(`map-${name}${other}`);
      if (place) place.hidden = name !== view;
    }
  const isDifference = together === "difference";
  const hint = (isDifference ? HINTS_OF_DIFFERENCES : HINTS)[view];
  byId("map-hint").textContent = number ? `${hint} ${ONLY_OWN}` : hint;
  byId("map-model-hint").textContent = isDifference ? OF_TWO_MODELS : OF_MODEL;
  const both = together === "both";
  document.querySelector(".map-views").classList.toggle("both", both);
  for (const place of document.querySelectorAll(".map-model-other, .map-head-other")) place.hidden = !both;
};

export const mapChoices = { VIEWS, offer, read, show };
