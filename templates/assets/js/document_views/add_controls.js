// The controls of a document's page, added once it is drawn: switches, plots that react to the pointer, further views.

import { addressState } from "../core/address_state.js";
import { element } from "../core/element.js";
import { late } from "../core/late.js";
import { shownDocument } from "../core/shown_document.js";
import { attention } from "../document/attention.js";
import { documentPage } from "../document/document_page.js";
import { series } from "../document/series.js";
import { brush } from "./brush.js";
import { followReadingList } from "./follow_reading_list.js";
import { gridKeys } from "./grid_keys.js";
import { gridLabels } from "./grid_labels.js";
import { inspector } from "./inspector.js";
import { measures } from "./measures.js";
import { onDemand } from "./on_demand.js";
import { outline } from "./outline.js";
import { overview } from "./overview.js";
import { pinNote } from "./pin_note.js";
import { scores } from "./scores.js";
import { sequence } from "./sequence.js";
import { sequenceRows } from "./sequence_rows.js";
import { spoken } from "./spoken.js";
import { strip } from "./strip.js";
import { zoomKeys } from "./zoom_keys.js";
import { spread } from "./spread.js";

const classChanges = late("classChanges");
const exportPanel = late("exportPanel");
const headList = late("headList");
const mergedWords = late("mergedWords");
const tokenList = late("tokenList");
const tokenMaps = late("tokenMaps");

const byId = (id) => document.getElementById(id);
const onChange = (id, act) => byId(id).addEventListener("change", (event) => act(event.target));

const SELECTS = { measure: "m", line: "line", rows: "rows", norm: "norm" };
const BOXES = [
  ["special", "special", "0", "1"],
  ["punctuation", "punct", "0", "1"],
  ["normed", "normed", "1", "0"],
  ["tint", "tint", "1", ""],
  ["scores", "scores", "1", ""],
];

const listen = ({ doc, words, state, zoom, toggle }) => {
  for (const input of document.querySelectorAll("input[name=scale]"))
    input.addEventListener("change", () => state.set({ scale: input.value }));
  for (const [id, key] of Object.entries(SELECTS)) onChange(id, ({ value }) => state.set({ [key]: value }));
  for (const [id, key, on, off] of BOXES) onChange(id, ({ checked }) => state.set({ [key]: checked ? on : off }));
  byId("unzoom").addEventListener("click", () => zoom(0, doc.tokens));
  onChange("add-row", (select) => {
    toggle(select.value);
    select.value = "";
  });
  byId("words").value = words ? state.get("words") : "";
  onChange("words", ({ value }) => state.set({ words: value }));
  // All views show either pieces or words, so a change reloads the page. Token numbers differ between the two.
  state.subscribe((_, changed) => {
    if (!changed.includes("words")) return;
    state.set({ t: "", z: "" });
    // Reload late: a page around this one gets its message first, while this window still exists.
    setTimeout(() => location.reload());
  });
};

// Offers the pinned heads after the measures over heads, and the chosen one.
const fillMeasures = (select, doc, pins, measure, chosen) => {
  const heads = [
    ...new Set([
      ...pins.filter(({ row }) => row >= 0).map(({ key }) => key),
      ...(doc.aggregates[measure] ? [] : [measure]),
    ]),
  ];
  const offered = [...select.options].slice(select.dataset.fixed);
  offered.filter(({ value }) => !heads.includes(value)).forEach((option) => option.remove());
  const missing = heads.filter((key) => !offered.some(({ value }) => value === key));
  select.append(...missing.map((key) => new Option(`head ${doc.name(attention.rowOf(doc, key))}`, key)));
  select.value = chosen;
};

// The links to the previous and next document keep the chosen view.
const passOn = () =>
  document.querySelectorAll(".pager > a").forEach((link) => {
    link.hash = addressState.merged(location.hash, "");
  });

const showSwitches = (state) => {
  const input = document.querySelector(`input[name=scale][value="${CSS.escape(state.get("scale"))}"]`);
  if (input) input.checked = true;
  for (const [id, key] of Object.entries(SELECTS))
    if ([...byId(id).options].some(({ value }) => value === state.get(key))) byId(id).value = state.get(key);
  for (const [id, key, on] of BOXES) byId(id).checked = String(state.get(key)) === on;
};

// Describes the switches. Special tokens can only be in the scale of absolute values.
// Without punctuation the scale changes only where numbers are relative to the head's mean, or ranks.
const showUse = ({ name }) => {
  const absolute = ["value", "length"].includes(name);
  const special = byId("special");
  special.disabled = !absolute;
  special.checked ||= !absolute;
  const always = absolute ? "" : " (always, for these colours)";
  byId("special-does").textContent = `exclude special tokens from the scale${always}`;
  const andScale = absolute || name === "median" ? "" : " and scale";
  byId("punctuation-does").textContent = `exclude punctuation from means${andScale}`;
};

// On a linear axis, how many special tokens have values above it.
const beyond = ({ doc, views, view }) => {
  const { max } = series.aggregates(doc, view);
  const { top } = views.series.axis();
  const n = max.filter((value, token) => doc.special[token] && value > top).length;
  return n ? `${n} special ${n === 1 ? "token reaches" : "tokens reach"} above the axis` : "";
};

// Shows the state of the address in the switches.
const shown =
  (page) =>
  ({ measure, line, evidence, pinned, span, norm, normed }) => {
    const { doc, state } = page;
    const agreement = byId("agreement");
    if (agreement) agreement.textContent = measures.agreement(page, evidence || measure);
    byId("unzoom").hidden = span[1] - span[0] === doc.tokens;
    const none = normed && attention.rowOf(doc, line) < 0 && !spread.NAMES.includes(line);
    byId("series-measure").textContent = none
      ? `no ${line} of normalised values`
      : doc.aggregates[line]
        ? attention.rowName(line)
        : doc.name(attention.rowOf(doc, line));
    byId("series-beyond").textContent = beyond(page);
    document.querySelectorAll("option[value=pinned]").forEach((option) => {
      option.disabled = !doc.aggregates.pinned;
    });
    showSwitches(state);
    showUse(norm);
    fillMeasures(byId("measure"), doc, pinned, measure, evidence || measure);
    fillMeasures(byId("line"), doc, pinned, line, state.get("line") === line ? line : "");
    passOn();
  };

const pointAtText = (place, cursor) => {
  const tokenOf = (event) => Number(event.target.closest?.(".tk")?.dataset.token ?? -1);
  place.addEventListener("pointermove", (event) => cursor.hover(tokenOf(event)));
  place.addEventListener("pointerleave", () => cursor.hover(-1));
  place.addEventListener("click", (event) => {
    if (tokenOf(event) >= 0) cursor.hold(tokenOf(event));
  });
};

// The address holds the held token, and restores it.
const followCursor = ({ doc, state, cursor, views, redraw }) => {
  const restore = () => {
    const token = state.get("t") === "" ? -1 : Number(state.get("t"));
    if (token < 0 && cursor.get().held) cursor.release();
    if (
      Number.isInteger(token) &&
      token >= 0 &&
      token < doc.tokens &&
      !(cursor.get().held && cursor.get().token === token)
    )
      cursor.hold(token);
  };
  cursor.subscribe((now) => {
    Object.values(views).forEach((view) => view.cursor?.(now));
    if (now.held || state.get("t") !== "") state.set({ t: now.held ? now.token : "" });
  });
  state.subscribe((_, changed) => {
    if (changed.includes("t")) restore();
    if (changed.some((key) => key !== "t")) redraw();
  });
  restore();
};

// The arrow keys move from token to token.
const stepper =
  ({ doc, cursor }) =>
  (by) => {
    const { token, row, held } = cursor.get();
    const from = token < 0 ? (by > 0 ? -1 : doc.tokens) : token;
    const next = Math.max(0, Math.min(doc.tokens - 1, from + by));
    if (next !== token || !held) cursor.hold(next, row);
  };

const addMaps = ({ pieces, words, payload, state, cursor, views, toggle }) => {
  const { MAPS } = documentPage;
  const asked = Object.keys(MAPS).some((key) => state.get(key) !== MAPS[key]);
  const own = words ? mergedWords().cursorOfPieces(cursor, words) : cursor;
  const maps = onDemand.whenNear(
    byId("token-maps"),
    ["maps.css", "diverging.js", "maps.js"],
    () => tokenMaps().create(pieces, payload, state, own, toggle),
    asked,
  );
  views.maps = words ? { ...maps, cursor: () => maps.cursor(own.get()) } : maps;
};

export const addControls = (page) => {
  const { doc, payload, cursor, views, zoom } = page;
  followReadingList();
  outline(byId("outline"));
  measures.offer(doc);
  byId("line")
    .closest("label")
    .after(Object.assign(element("span", "subject"), { id: "series-beyond" }));
  if (page.words) mergedWords().describe(doc, page.state.get("words"));
  listen(page);
  const grid = document.querySelector("#head-grid .head-buttons");
  gridKeys(grid, doc);
  gridLabels(grid, doc);
  shownDocument.set({ ...page, step: stepper(page), magnify: zoomKeys.magnifier(page), release: cursor.release });
  pointAtText(byId("text"), cursor);
  brush(byId("series"), views.series.plot, {
    hover: (event) => cursor.hover(event ? views.series.plot.tokenAt(event.offsetX) : -1),
    click: (event) => cursor.hold(views.series.plot.tokenAt(event.offsetX)),
    choose: zoom,
  });
  views.inspector = inspector.create(doc);
  if (doc.evidence)
    views.classChanges = classChanges().create(document.querySelector(".inspector"), doc, payload.labels);
  else byId("class-changes")?.remove();
  views.controls = { draw: shown(page) };
  views.pinNote = pinNote.create(byId("head-chooser"), page);
  views.spoken = spoken(byId("inspector-spoken"), doc);
  views.strip = strip(byId("strip"), doc);
  views.overview = overview.create(byId("overview"), doc, cursor, zoom);
  views.scores = scores(byId("text"), doc);
  views.sequence = sequence.create(byId("sequence"), doc, cursor);
  sequenceRows.fill(byId("rows"), doc);
  onDemand.whenOpened(byId("token-list"), ["document_tables"], (details) => tokenList().fill(details, doc));
  onDemand.whenOpened(byId("head-list"), ["document_tables"], (details) => headList().fill(details, doc));
  onDemand.whenOpened(byId("exports"), ["exports", "document_exports"], (panel) =>
    exportPanel().create(panel, () => ({ ...page, colours: page.view.colours })),
  );
  if (payload.maps.length) addMaps(page);
  page.redraw();
  followCursor(page);
};
