// A document's page: decodes the payload, draws what is in sight first, and keeps views and address in step.

import { addressState } from "../core/address_state.js";
import { late } from "../core/late.js";
import { load } from "../core/load.js";
import { pages } from "../core/pages.js";
import { palette } from "../core/palette.js";
import { redraw } from "../core/redraw.js";
import { pageData } from "../early/page_data.js";
import { attention } from "./attention.js";
import { createCursor } from "./create_cursor.js";
import { documentText } from "./document_text.js";
import { headGrid } from "./head_grid.js";
import { normalise } from "./normalise.js";
import { pinList } from "./pin_list.js";
import { pinnedRows } from "./pinned_rows.js";
import { series } from "./series.js";

const addControls = late("addControls");
const measures = late("measures");
const mergedWords = late("mergedWords");
const tokenEvidence = late("tokenEvidence");

// Defaults of the token-to-token views in the address; their scripts load later.
const MAPS = {
  map: "",
  mapview: "lines",
  mapheads: "one",
  mapside: "query",
  mapmodel: "own",
  mapcompare: "one",
  texts: "all",
  window: "0",
};
const DEFAULTS = {
  m: "mean",
  line: "",
  scale: "log",
  rows: "layers",
  norm: "relative",
  normed: "0",
  special: "0",
  punct: "1",
  words: "",
  tint: "",
  scores: "",
  t: "",
  z: "",
};
const later = () => Promise.all(["css", "js"].map((kind) => load(`assets/document_views.${kind}`)));
// Whether the view in the address needs the later scripts before anything can be drawn.
const asksForLater = ({ get }) =>
  get("normed") === "1" ||
  !normalise.WAYS[get("norm")] ||
  get("scale") === "linear" ||
  `${get("m")} ${get("line")} ${get("h")}`.includes("pinned");
const byId = (id) => document.getElementById(id);

const colourRange = (doc, withSpecial) => {
  let [low, high] = doc.range;
  doc.special.forEach((special, token) => {
    if (withSpecial && special)
      [low, high] = [
        Math.min(low, Math.max(doc.aggregates.min[token], 1e-6)),
        Math.max(high, doc.aggregates.max[token]),
      ];
  });
  return [low, high];
};

// The range of tokens in the plots: "first-last" in the address, or all tokens if that is not valid.
const shownSpan = (doc, text) => {
  const match = /^(\d+)-(\d+)$/.exec(text);
  const [first, last] = match ? [Number(match[1]), Number(match[2]) + 1] : [0, 0];
  return first < last && last <= doc.tokens ? [first, last] : [0, doc.tokens];
};

// Read colours and widths before anything on the page changes, to avoid a second layout.
const look = () => ({
  colours: palette.current(),
  width: byId("series").clientWidth,
  gridWidth: byId("head-grid").clientWidth,
});

// Normalised numbers, computed again only when the way or the counted tokens change.
const comparer = (doc) => {
  let [key, made] = [null, null];
  return (...way) => {
    if (String(way) !== key) [key, made] = [String(way), normalise(doc, ...way)];
    return made;
  };
};

// What the views draw, as the address says.
const viewOf = (doc, { get }, compared) => {
  const skipsPunctuation = get("punct") === "0";
  attention.skip(doc, skipsPunctuation);
  const range = colourRange(doc, get("special") === "1");
  measures()?.ofPins(doc, pinnedRows.parse(doc, get("h")));
  const pinned = pinnedRows.shown(doc, pinnedRows.parse(doc, get("h")));
  const plotted = (name) => doc.aggregates[name] || attention.rowOf(doc, name) >= 0;
  const measure = plotted(get("m")) ? get("m") : "mean";
  return {
    pinned,
    skipsPunctuation,
    rows: get("rows"),
    tint: get("tint"),
    scores: get("scores"),
    normed: !doc.lite && get("normed") === "1",
    pins: pinned.filter(({ row, hidden }) => row >= 0 && !hidden),
    // Shades the text only: plots of self-attention have no place for numbers of two signs.
    evidence: doc.evidence?.signed[get("m")] ? get("m") : "",
    measure,
    line: plotted(get("line")) ? get("line") : measure,
    scale: get("scale") === "linear" ? "linear" : "log",
    norm: compared(get("norm"), range, skipsPunctuation),
    place: palette.placer(...doc.range),
    span: shownSpan(doc, get("z")),
  };
};

// The document with its pieces merged to words, if the reader asked for it. The scripts for it load only then.
const wordsOf = async (pieces, way) => {
  if (!way || !pieces.continues.includes(1)) return null;
  await Promise.all([later(), load("assets/words.js")]);
  return mergedWords().WAYS.includes(way) ? mergedWords().merge(pieces, way) : null;
};

// What the prediction depends on, where it was measured. Its scripts load only then.
const evidenceOf = async ({ evidence, tokens, special }) => {
  if (!evidence) return null;
  await load("assets/document_evidence.js");
  return tokenEvidence().load(evidence, tokens, special);
};

// Waits until the drawing is on the screen. A hidden page is never painted, so the wait has an end.
const painted = () =>
  new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, 200);
  });

// A copy of the page as it arrived, for its export as one file.
let pristine = null;

const start = async () => {
  pristine = document.documentElement.cloneNode(true);
  const payload = { ...pageData.shared, ...JSON.parse(byId("payload").textContent) };
  const state = addressState.create({ ...DEFAULTS, ...MAPS });
  const [pieces, evidence] = await Promise.all([
    attention.load(payload, byId("text").textContent),
    evidenceOf(payload),
  ]);
  pieces.evidence = evidence;
  const words = await wordsOf(pieces, state.get("words"));
  if (asksForLater(state)) await later();
  const doc = words?.doc ?? pieces;
  const cursor = createCursor();
  const pin = (pins) => state.set({ h: pinnedRows.write(pins) });
  const toggle = (key) => pin(pinnedRows.toggled(doc, pinnedRows.parse(doc, state.get("h")), key));
  const zoom = (first, last) => state.set({ z: last - first === doc.tokens ? "" : `${first}-${last - 1}` });
  // Reserve the space of views that are drawn later, so that nothing moves then.
  byId("words").closest("label").hidden = !pieces.continues.includes(1);
  byId("overview").style.height = `${attention.layerHeight(doc) * doc.layers}px`;
  let looks = look();
  const views = {
    text: documentText.create(byId("text"), doc),
    grid: headGrid.create(byId("head-grid"), byId("head-grid-subject"), doc, cursor, toggle),
    pins: pinList.create(byId("pins"), doc, pin),
    series: series.create(byId("series"), doc),
  };
  const page = { doc, pieces, words, payload, state, cursor, views, toggle, zoom };
  const compared = comparer(doc);
  page.redraw = () => {
    page.view = { ...viewOf(doc, state, compared), ...looks };
    Object.values(views).forEach((view) => view.draw?.(page.view));
    Object.values(views).forEach((view) => view.cursor?.(cursor.get()));
  };
  redraw.on(() => {
    looks = look();
    page.redraw();
  });
  page.redraw();
  performance.mark("first picture");
  await painted();
  await later();
  addControls()(page);
};

export const documentPage = { MAPS, shownSpan, pristine: () => pristine };
pages.add("document", start);
