// The section "Token to token" of a document's page: the map of a window, and its views.

import { element } from "../core/element.js";
import { late } from "../core/late.js";
import { load } from "../core/load.js";
import { mapFiles } from "../document_views/map_files.js";
import { attention } from "../document/attention.js";
import { hiddenTexts } from "../core/hidden_texts.js";
import { pageData } from "../early/page_data.js";
import { part } from "../early/part.js";
import { headColours } from "./head_colours.js";
import { headLegend } from "./head_legend.js";
import { headView } from "./head_view.js";
import { mapChoices } from "./map_choices.js";
import { mapDifference } from "./map_difference.js";
import { mapReading } from "./map_reading.js";
import { mapTable } from "./map_table.js";
import { matrix } from "./matrix.js";
import { matrixView } from "./matrix_view.js";
import { meanMap } from "./mean_map.js";
import { modelView } from "./model_view.js";
import { windowTokens } from "./window_tokens.js";
import { wordMap } from "./word_map.js";

const exportFiles = late("exportFiles");
const neuronView = late("neuronView");
const vectors = late("vectors");

const { VIEWS } = mapChoices;
const byId = (id) => document.getElementById(id);

const say = (text) => {
  byId("map-note").textContent = text;
  byId("map-note").hidden = !text;
};

const download = async (name, text) => {
  await load("assets/exports.js");
  exportFiles().download(name, "text/csv", text());
};

// Setting a position that is there already causes no event, so this ends.
const scrollTogether = (...boxes) =>
  boxes.forEach((box, i) =>
    box.addEventListener("scroll", () => {
      boxes[1 - i].scrollTop = box.scrollTop;
    }),
  );

// Which documents have the vectors that this page has not.
const withVectors = (positions) => {
  if (!positions.length)
    return [
      "The view of neurons needs query and key vectors, and no document of this study has them: the model does not " +
        "show them, they do not reproduce its attention, or maps.vectors is 0.",
    ];
  const linked = positions.flatMap((position, i) => {
    const [name, href] = [`document ${position + 1}`, `${String(position).padStart(6, "0")}.html`];
    return [i ? ", " : "", pageData.single ? name : Object.assign(element("a", "", name), { href })];
  });
  return ["The view of neurons needs query and key vectors. The pages that have them: ", ...linked, "."];
};

const create = (doc, payload, state, cursor, toggle) => {
  const { maps: headers, second, models } = payload;
  byId("token-maps").replaceChildren(part("maps"));
  const loaded = headers.map(() => null);
  let view = null;
  // One, or those of two models side by side.
  let scenes = [];
  let pointed = null;

  // Hovering moves the page's cursor too. Special tokens of a later window exist only in this section.
  const pointer = {
    point: (focus) => {
      if (cursor.get().held) return;
      pointed = focus?.token >= 0 ? focus : null;
      const token = pointed ? scenes[0].tokens.placed(pointed.token) : -1;
      const before = cursor.get();
      cursor.hover(token, token >= 0 ? scenes[0].heads[0].row : -1);
      if (cursor.get() === before) follow(before);
    },
    hold: ({ token, side }) => {
      const [{ tokens, heads }] = scenes;
      if (tokens.placed(token) < 0) return;
      state.set({ mapside: side });
      cursor.hold(tokens.placed(token), heads[0].row);
    },
  };
  const choose = (row) => state.set({ map: attention.keyOf(doc, row), mapheads: "one" });
  const legend = headLegend.create(byId("map-legend"), doc.heads, (off) => state.set({ mapoff: off }));
  byId("map-layer").addEventListener("change", ({ target }) => state.set({ map: `${target.value}.0` }));
  // The views of the shown model; of two models side by side, the second has its own, made when they are needed.
  const paneOf = (other) => ({
    parts: {
      lines: headView.create(byId(`map-lines${other}`), pointer),
      matrix: matrixView.create(byId(`map-matrix${other}`), pointer),
    },
    model: modelView.create(
      byId(`map-model${other}`),
      doc,
      cursor,
      choose,
      other ? "Open a head of the other model" : "Open a head",
    ),
  });
  const panes = [paneOf("")];
  const paneAt = (i) => {
    if (!panes[i]) {
      panes[i] = paneOf("-other");
      scrollTogether(byId("map-lines"), byId("map-lines-other"));
    }
    return panes[i];
  };
  const table = mapTable.create(byId("map-table"));

  // What is loaded of a window: its tokens, the maps of each model by number, and vectors by layer.
  const windowAt = (number) =>
    (loaded[number] ??= {
      tokens: windowTokens(doc, headers[number], second),
      maps: [],
      differences: [],
      layers: [],
      words: new Map(),
    });
  // The tokens of a window, and a map of them, with pieces merged to words.
  const wordsAt = (number) => {
    const here = windowAt(number);
    here.groups ??= wordMap.group(doc, here.tokens);
    return {
      tokens: (here.wordTokens ??= wordMap.tokensOf(doc, here.tokens, here.groups)),
      mapOf: (map) => {
        if (!here.words.has(map)) here.words.set(map, wordMap.of(map, here.groups));
        return here.words.get(map);
      },
    };
  };
  const fetchMap = async (number, model) => {
    const { maps } = windowAt(number);
    return (maps[model] ??= await matrix.load(await mapFiles.load(mapFiles.ofModel(headers[number].name, model))));
  };
  // The maps that a choice of models shows, each with what names it. The own model's alone needs no name.
  const fetchShown = async ({ window, number, together }) => {
    const named = (model) => (models ? [models[model].name] : []);
    const of = (model) => `, ${models[model].title}`;
    const own = await fetchMap(window, 0);
    if (!number) return [{ map: own, of: "", names: named(0) }];
    const other = await fetchMap(window, number);
    if (together === "difference") {
      const map = (windowAt(window).differences[number] ??= mapDifference.of(own, other));
      const names = [`own minus ${models[number].name}`];
      return [{ map, of: `, this model minus ${models[number].title}`, names, where: models[number].where }];
    }
    const shown = { map: other, of: of(number), names: named(number) };
    return together === "both" ? [{ map: own, of: of(0), names: named(0) }, shown] : [shown];
  };

  // The view of neurons and the vectors that it shows load when they are first asked for.
  const fetchVectors = async (number, row) => {
    await load("assets/neurons.js");
    panes[0].parts.neuron ??= neuronView().create(byId("map-neuron"), pointer);
    const layer = Math.floor(row / doc.heads);
    const name = `${headers[number].name}-L${String(layer).padStart(2, "0")}`;
    return (windowAt(number).layers[layer] ??= await vectors().load(await mapFiles.load(name)));
  };

  const headsOf = (chosen, map, tokens) => {
    // If the address names no map, show the head that shades the text.
    const row = [state.get("map"), state.get("m")].map((key) => attention.rowOf(doc, key)).find((asked) => asked >= 0);
    const first = row ?? matrix.mostVaried(map, tokens.special);
    if (chosen.heads === "pinned" && view.pins.length) return view.pins;
    if (chosen.heads !== "layer") return [{ row: first, colour: view.colours.accent }];
    const layer = Math.floor(first / doc.heads);
    const off = headLegend.parse(state.get("mapoff"), doc.heads);
    const colours = headColours.of(doc.heads, view.colours.dark);
    byId("map-layer").value = layer;
    legend.draw(layer, colours, off);
    return colours
      .map((colour, head) => ({ row: layer * doc.heads + head, colour }))
      .filter((_, head) => !off.has(head));
  };

  const titleOf = ({ heads, of, chosen }) => {
    if (heads.length === 1) return `Head ${doc.name(heads[0].row)}${of}`;
    if (chosen.heads === "pinned") return `${heads.length} pinned heads${of}`;
    const layer = byId("map-layer").selectedOptions[0].text;
    return `${heads.length} ${heads.length < doc.heads ? `of ${doc.heads} ` : ""}heads of ${layer}${of}`;
  };

  const title = ([scene, other]) => {
    const { heads, of } = scene;
    byId("map-title").textContent = titleOf(scene);
    byId("map-model-title").textContent = `Every head${of}`;
    byId("map-other-title").textContent = other ? titleOf(other) : "";
    byId("map-model-other-title").textContent = other ? `Every head${other.of}` : "";
    byId("map-pin").textContent = view.pins.some(({ row }) => row === heads[0].row) ? "Unpin" : "Pin";
    byId("map-pin").hidden = heads.length > 1;
    // The table is of the first of two models, the file of both.
    const several = heads.length > 1;
    byId("map-table-title").textContent =
      `${several ? `Head ${doc.name(heads[0].row)}` : "This head"} as a table${other ? of : ""}`;
    byId("map-csv").disabled = hiddenTexts.now();
    byId("map-csv").textContent =
      `${several ? "These heads" : "This head"} as CSV${hiddenTexts.now() ? ", once you ask for the texts" : ""}`;
  };

  const show = async () => {
    const chosen = mapChoices.read(state, payload);
    mapChoices.show(chosen, payload);
    const { tokens: pieces } = windowAt(chosen.window);
    const shown = await fetchShown(chosen);
    const heads = headsOf(chosen, await fetchMap(chosen.window, 0), pieces);
    const words = chosen.words ? wordsAt(chosen.window) : null;
    const tokens = words?.tokens ?? pieces;
    const hidden = chosen.special || chosen.view === "neuron" ? null : tokens.special;
    const common = {
      doc,
      tokens,
      heads,
      colours: view.colours,
      chosen,
      least: chosen.least,
      allows: matrix.filter(chosen.texts, tokens.segment, hidden),
      seats: matrix.seats(chosen.texts, tokens.segment, tokens.length, hidden),
    };
    // `pictures` is what the small maps of all heads show, `mean` the mean of all shown heads of a layer.
    const next = shown.map(({ map: pictures, ...named }) => {
      const map = words?.mapOf(pictures) ?? pictures;
      const mean =
        chosen.heads === "layer" && heads.length > 1
          ? meanMap.of(
              map,
              heads.map(({ row }) => row),
            )
          : null;
      return { ...common, ...named, pictures, map, mean };
    });
    say("");
    if (chosen.view === "neuron" && headers[chosen.window].vectors && !pageData.single)
      next[0].vectors = await fetchVectors(chosen.window, heads[0].row);
    scenes = next;
    const [scene] = scenes;
    scenes.forEach((one, i) => paneAt(i).model.draw(one));
    byId("map-drawn").textContent = chosen.view === "lines" ? mapReading.drawn(scene) : mapReading.explained(scene);
    title(scenes);
    table.draw(scene);
    byId("map-neuron").hidden = byId("map-hint").hidden = chosen.view === "neuron" && !scene.vectors;
    if (chosen.view !== "neuron") byId("map-neuron").hidden = true;
    if (chosen.view === "neuron" && !scene.vectors) say("There are no query and key vectors here.");
    else scenes.forEach((one, i) => paneAt(i).parts[chosen.view].draw(one));
    byId("token-maps").dataset.drawn = "";
    follow(cursor.get());
  };

  // Drawings wait for each other: of two choices made while a file loads, the later one is drawn last.
  let turn = Promise.resolve();
  const draw = () => {
    turn = turn.then(show).catch((fault) => say(`The map cannot be shown: ${fault.message}.`));
  };

  const follow = (now) => {
    if (!scenes.length) return;
    const [scene] = scenes;
    const at = now.token < 0 ? -1 : scene.tokens.at(now.token);
    const side = scene.chosen.side;
    const own = !now.held && pointed && (now.token < 0 || pointed.token === at) ? pointed : null;
    const focus = own ?? (at >= 0 ? { token: at, side: now.held ? side : "query" } : null);
    scenes.forEach((_, i) => {
      const { model, parts } = paneAt(i);
      model.cursor(now);
      if (scene.chosen.view !== "neuron" || scene.vectors) parts[scene.chosen.view].focus(focus, now.held);
    });
    mapReading.show(byId("map-reading"), byId("map-spoken"), scenes, focus, now.held);
  };

  const keys = (event) => {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const across = { ArrowLeft: "query", ArrowRight: "key" }[event.key];
    const [scene] = scenes;
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
  for (const other of ["", "-other"])
    for (const name of VIEWS) byId(`map-${name}${other}`)?.addEventListener("keydown", keys);
  byId("map-pin").addEventListener("click", () => toggle(attention.keyOf(doc, scenes[0].heads[0].row)));
  byId("map-csv").addEventListener("click", () => {
    const [{ chosen, heads, names }] = scenes;
    // The files of the own model keep their name.
    const model = chosen.number ? `-${names[0].replaceAll(" ", "-")}` : "";
    const which = heads.map(({ row }) => attention.keyOf(doc, row)).join("-");
    const name = `attention-${headers[chosen.window].name}-${which}${model}.csv`;
    download(name, () => mapTable.csv(scenes)).catch((fault) => say(`Nothing was exported: ${fault.message}.`));
  });
  mapChoices.offer(state, payload, doc);
  byId("map-vectors").replaceChildren(...(headers[0].vectors ? [] : withVectors(payload.withVectors ?? [])));

  return {
    draw: (next) => {
      view = next;
      draw();
    },
    cursor: follow,
    // Draws a view again for an export: all heads, or the visible part of the shown one.
    picture: (name) => {
      const [scene] = scenes;
      if (!scene) throw new Error("the maps are not loaded yet: scroll to them first");
      if (name === "head" && scene.chosen.view === "neuron" && !scene.vectors)
        throw new Error("this page shows no query and key vectors: choose lines or matrix");
      scenes.forEach((one, i) => (name === "model" ? paneAt(i).model : paneAt(i).parts[one.chosen.view]).draw(one));
    },
    csv: () => mapTable.csv(scenes),
  };
};

export const tokenMaps = { create };
