// The section "Token to token" of a document's page: the map of a window, and its views.

import { late } from "../core/late.js";
import { load } from "../core/load.js";
import { mapFiles } from "../document_views/map_files.js";
import { attention } from "../document/attention.js";
import { hiddenTexts } from "../document_views/hidden_texts.js";
import { pageData } from "../early/page_data.js";
import { part } from "../early/part.js";
import { headView } from "./head_view.js";
import { mapReading } from "./map_reading.js";
import { mapTable } from "./map_table.js";
import { matrix } from "./matrix.js";
import { matrixView } from "./matrix_view.js";
import { modelView } from "./model_view.js";
import { neuronView } from "./neuron_view.js";
import { vectors } from "./vectors.js";
import { windowTokens } from "./window_tokens.js";

const exportFiles = late("exportFiles");

const VIEWS = ["lines", "matrix", "neuron"];
const HINTS = {
  lines:
    "Point at a token: on the left, to see what it attends to; on the right, what attends to it. " +
    "Grey bars are what a token gives to keys not shown.",
  matrix: "Queries down, keys across; colours are logarithmic from 1 %. Blank: not among a query's strongest keys.",
  neuron:
    "Click a token to make it the query. Blue numbers are above zero, orange ones below. " +
    "The score is their scaled sum of products; its softmax over the keys is the attention.",
};
const byId = (id) => document.getElementById(id);

const say = (text) => {
  byId("map-note").textContent = text;
  byId("map-note").hidden = !text;
};

const fillWindows = (headers, doc) => {
  const range = ({ first, kept }) => `tokens ${first + kept[0]} to ${Math.min(doc.tokens, first + kept[1]) - 1}`;
  byId("map-window").replaceChildren(
    ...headers.map((header, i) => new Option(`${i + 1} of ${headers.length}, ${range(header)}`, i)),
  );
  byId("map-window-choice").hidden = headers.length < 2;
};

const listen = (state) => {
  byId("map-window").addEventListener("change", (event) => state.set({ window: event.target.value }));
  byId("map-texts").addEventListener("change", (event) => state.set({ texts: event.target.value }));
  byId("map-pinned").addEventListener("change", (event) =>
    state.set({ mapheads: event.target.checked ? "pinned" : "one" }),
  );
  for (const input of document.querySelectorAll("input[name=mapview]"))
    input.addEventListener("change", () => state.set({ mapview: input.value }));
};

const offered = (select, value) =>
  [...select.options].some((option) => option.value === String(value)) ? String(value) : select.options[0].value;

// The reader's choices, as far as they are valid here.
const choices = (state, second) => ({
  view: VIEWS.includes(state.get("mapview")) ? state.get("mapview") : "lines",
  pinned: state.get("mapheads") === "pinned",
  side: state.get("mapside") === "key" ? "key" : "query",
  texts: second === null ? "all" : offered(byId("map-texts"), state.get("texts")),
  window: Number(offered(byId("map-window"), state.get("window"))),
});

const showChoices = ({ view, pinned, texts, window }) => {
  byId("map-window").value = window;
  byId("map-texts").value = texts;
  byId("map-pinned").checked = pinned;
  byId("map-pinned").disabled = view !== "lines";
  document.querySelector(`input[name=mapview][value=${view}]`).checked = true;
  VIEWS.forEach((name) => {
    byId(`map-${name}`).hidden = name !== view;
  });
  byId("map-hint").textContent = HINTS[view];
};

const download = async (name, text) => {
  await load("assets/exports.js");
  exportFiles().download(name, "text/csv", text());
};

const create = (doc, { maps: headers, second }, state, cursor, toggle) => {
  byId("token-maps").replaceChildren(part("maps"));
  const loaded = headers.map(() => null);
  let view = null;
  let scene = null;
  let pointed = null;

  // Hovering moves the page's cursor too. Special tokens of a later window exist only in this section.
  const pointer = {
    point: (focus) => {
      if (cursor.get().held) return;
      pointed = focus?.token >= 0 ? focus : null;
      const token = pointed ? scene.tokens.placed(pointed.token) : -1;
      const before = cursor.get();
      cursor.hover(token, token >= 0 ? scene.heads[0].row : -1);
      if (cursor.get() === before) follow(before);
    },
    hold: ({ token, side }) => {
      if (scene.tokens.placed(token) < 0) return;
      state.set({ mapside: side });
      cursor.hold(scene.tokens.placed(token), scene.heads[0].row);
    },
  };
  const parts = {
    lines: headView.create(byId("map-lines"), pointer),
    matrix: matrixView.create(byId("map-matrix"), pointer),
    neuron: neuronView.create(byId("map-neuron"), pointer),
  };
  const choose = (row) => state.set({ map: attention.keyOf(doc, row), mapheads: "one" });
  const model = modelView.create(byId("map-model"), doc, cursor, choose);
  const table = mapTable.create(byId("map-table"));

  const fetchWindow = async (number) => {
    if (loaded[number]) return loaded[number];
    const map = await matrix.load(await mapFiles.load(headers[number].name));
    return (loaded[number] = { map, tokens: windowTokens(doc, headers[number], second), layers: [] });
  };

  const fetchVectors = async (number, row) => {
    const layer = Math.floor(row / doc.heads);
    const name = `${headers[number].name}-L${String(layer).padStart(2, "0")}`;
    return (loaded[number].layers[layer] ??= await vectors.load(await mapFiles.load(name)));
  };

  const headsOf = (chosen, map, tokens) => {
    // If the address names no map, show the head that shades the text.
    const row = [state.get("map"), state.get("m")].map((key) => attention.rowOf(doc, key)).find((asked) => asked >= 0);
    const first = row ?? matrix.mostVaried(map, tokens.special);
    return chosen.pinned && chosen.view === "lines" && view.pins.length
      ? view.pins
      : [{ row: first, colour: view.colours.accent }];
  };

  const title = ({ heads }) => {
    byId("map-title").textContent =
      heads.length > 1 ? `${heads.length} pinned heads` : `Head ${doc.name(heads[0].row)}`;
    byId("map-pin").textContent = view.pins.some(({ row }) => row === heads[0].row) ? "Unpin" : "Pin";
    byId("map-pin").hidden = heads.length > 1;
    byId("map-csv").disabled = hiddenTexts.now();
    byId("map-csv").textContent = `This head as CSV${hiddenTexts.now() ? ", once you ask for the texts" : ""}`;
  };

  const show = async () => {
    const chosen = choices(state, second);
    showChoices(chosen);
    const { map, tokens } = await fetchWindow(chosen.window);
    const heads = headsOf(chosen, map, tokens);
    const next = {
      doc,
      map,
      tokens,
      heads,
      colours: view.colours,
      chosen,
      allows: matrix.filter(chosen.texts, tokens.segment),
      seats: matrix.seats(chosen.texts, tokens.segment, tokens.length),
    };
    say("");
    if (chosen.view === "neuron" && headers[chosen.window].vectors && !pageData.single)
      next.vectors = await fetchVectors(chosen.window, heads[0].row);
    scene = next;
    model.draw(scene);
    title(scene);
    table.draw(scene);
    byId("map-neuron").hidden = byId("map-hint").hidden = chosen.view === "neuron" && !scene.vectors;
    if (chosen.view !== "neuron") byId("map-neuron").hidden = true;
    if (chosen.view === "neuron" && !scene.vectors)
      say(
        "There are no query and key vectors here: the model does not show them, they do not reproduce its attention, " +
          "or the study was run with maps.vectors: false.",
      );
    else parts[chosen.view].draw(scene);
    byId("token-maps").dataset.drawn = "";
    follow(cursor.get());
  };

  // Drawings wait for each other: of two choices made while a file loads, the later one is drawn last.
  let turn = Promise.resolve();
  const draw = () => {
    turn = turn.then(show).catch((fault) => say(`The map cannot be shown: ${fault.message}.`));
  };

  const follow = (now) => {
    if (!scene) return;
    model.cursor(now);
    const at = now.token < 0 ? -1 : scene.tokens.at(now.token);
    const side = scene.chosen.side;
    const own = !now.held && pointed && (now.token < 0 || pointed.token === at) ? pointed : null;
    const focus = own ?? (at >= 0 ? { token: at, side: now.held ? side : "query" } : null);
    if (scene.chosen.view !== "neuron" || scene.vectors) parts[scene.chosen.view].focus(focus, now.held);
    mapReading.show(byId("map-reading"), byId("map-spoken"), scene, focus, now.held);
  };

  const keys = (event) => {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const across = { ArrowLeft: "query", ArrowRight: "key" }[event.key];
    if (!scene || (!by && !across)) return;
    event.preventDefault();
    event.stopPropagation();
    if (across) {
      state.set({ mapside: across });
      return;
    }
    let index = cursor.get().token < 0 ? (by > 0 ? -1 : scene.tokens.length) : scene.tokens.at(cursor.get().token);
    do index += by;
    while (index >= 0 && index < scene.tokens.length && scene.tokens.placed(index) < 0);
    if (index >= 0 && index < scene.tokens.length) cursor.hold(scene.tokens.placed(index), scene.heads[0].row);
  };
  VIEWS.forEach((name) => byId(`map-${name}`).addEventListener("keydown", keys));
  byId("map-pin").addEventListener("click", () => toggle(attention.keyOf(doc, scene.heads[0].row)));
  byId("map-csv").addEventListener("click", () =>
    download(`attention-${headers[scene.chosen.window].name}-${attention.keyOf(doc, scene.heads[0].row)}.csv`, () =>
      mapTable.csv(scene, scene.heads[0].row),
    ).catch((fault) => say(`Nothing was exported: ${fault.message}.`)),
  );
  byId("map-texts-choice").hidden = second === null;
  fillWindows(headers, doc);
  listen(state);

  return {
    draw: (next) => {
      view = next;
      draw();
    },
    cursor: follow,
    // Draws a view again for an export: all heads, or the visible part of the shown one.
    picture: (name) => {
      if (!scene) throw new Error("the maps are not loaded yet: scroll to them first");
      if (name === "head" && scene.chosen.view === "neuron" && !scene.vectors)
        throw new Error("this page shows no query and key vectors: choose lines or matrix");
      (name === "model" ? model : parts[scene.chosen.view]).draw(scene);
    },
    csv: () => mapTable.csv(scene, ...scene.heads.map(({ row }) => row)),
  };
};

export const tokenMaps = { create };
