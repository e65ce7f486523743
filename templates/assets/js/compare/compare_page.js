// Two pages of the site side by side. Pages opened as files cannot read one another, so the frames exchange messages.

import { addressState } from "../core/address_state.js";
import { load } from "../core/load.js";
import { pages } from "../core/pages.js";
import { redraw } from "../core/redraw.js";
import { tableRows } from "../rows/table_rows.js";
import { difference } from "./difference.js";
import { differenceView } from "./difference_view.js";

const SIDES = ["a", "b"];
const byId = (id) => document.getElementById(id);
const padded = (number, length) => String(number).padStart(length, "0");

// The address of each kind of page for the reader's choice; null if there is no such page.
const ADDRESSES = {
  __proto__: null,
  documents: (value) => (/^[1-9]\d*$/.test(value) ? `documents/${padded(value - 1, 6)}.html` : null),
  heads: (value) =>
    /^\d+\.\d+$/.test(value)
      ? `heads/L${padded(value.split(".")[0], 2)}-H${padded(value.split(".")[1], 2)}.html`
      : null,
  classes: (value) => (/^\d+$/.test(value) ? `classes/${padded(value, 3)}.html` : null),
};

const PAGES = {
  documents: [/^documents\/(\d{6,})\.html$/, (match) => String(Number(match[1]) + 1)],
  heads: [/^heads\/L(\d+)-H(\d+)\.html$/, (match) => `${Number(match[1])}.${Number(match[2])}`],
  classes: [/^classes\/(\d{3,})\.html$/, (match) => String(Number(match[1]))],
};

// The number of a document with a page that is next to the wanted one, in the direction in which the reader went.
const withPage = (numbers, wanted, before) => {
  const next = numbers.findIndex((number) => number >= wanted);
  if (numbers[next] === wanted || wanted >= before) return numbers[next] ?? numbers.at(-1);
  return numbers[(next < 0 ? numbers.length : next) - 1] ?? numbers[0];
};

// The choice that leads to a page of a kind; null for other pages.
const choiceOf = (kind, address) => {
  const [pattern, value] = PAGES[kind];
  const match = pattern.exec(address);
  return match && value(match);
};

const start = () => {
  const state = addressState.create({ kind: "documents", a: "", b: "", difference: "", view: "" });
  const frames = Object.fromEntries(SIDES.map((side) => [side, byId(`side-${side}`)]));
  const counts = JSON.parse(byId("difference").dataset.counts);
  // Where some documents have no page, a script has the steps between the numbers of those with one.
  let at = 0;
  const numbers = tableRows.get("compare-documents")?.steps.map((step) => (at += step));
  const hashes = { a: "", b: "" };
  const shown = {};
  const summaries = {};
  // Values have no pages of classes to choose from.
  const kinds = Object.keys(ADDRESSES).filter((kind) => byId(`a-${kind}`));
  const fields = (kind) => SIDES.map((side) => byId(`${side}-${kind}`));

  // A choice that the link omits, or that the page does not offer, becomes the first or the second option.
  const offered = (field, value, fallback) => {
    if (field.options)
      return [...field.options].some((option) => option.value === value)
        ? value
        : (field.options[fallback] ?? field.options[0]).value;
    const known = ADDRESSES.documents(value) && Number(value) <= Number(field.max);
    if (!numbers) return known ? value : String(Math.min(fallback + 1, field.max));
    const chosen = known ? withPage(numbers, Number(value), Number(field.dataset.before ?? 0)) : numbers[fallback];
    field.dataset.before = chosen ?? numbers[0];
    return field.dataset.before;
  };
  const draw = (_, changed = ["kind"]) => {
    const kind = kinds.includes(state.get("kind")) ? state.get("kind") : "documents";
    byId("kind").value = kind;
    byId("difference").open = state.get("difference") !== "closed";
    for (const other of kinds)
      fields(other).forEach((field) => {
        field.hidden = other !== kind;
      });
    SIDES.forEach((side, i) => {
      const field = byId(`${side}-${kind}`);
      field.value = offered(field, state.get(side), i);
      const address = ADDRESSES[kind](field.value);
      const hash = addressState.merged(state.get("view"), hashes[side]);
      if (shown[side] === address && hashes[side] === hash) return;
      if (shown[side] !== address) delete summaries[side];
      shown[side] = address;
      hashes[side] = hash;
      frames[side].contentWindow.location.replace(new URL(`${address}${hash || "#"}`, location.href));
    });
    // A change of the view alone does not change the difference.
    if (changed.some((key) => key !== "view")) compare(kind);
  };
  const place = byId("difference-views");
  const chosen = (kind) => fields(kind).map((field) => field.value);
  const loaded = async (kind) => {
    await load(`assets/compare-${kind}-000.js`);
    return tableRows.get(`compare-${kind}`);
  };
  const named = (field) => [...field.options].map((option) => option.textContent);
  const differences = {
    heads: async (a, b) => difference.ofHeads(await loaded("heads"), a, b),
    classes: async (a, b) =>
      difference.ofClasses(await loaded("classes"), Number(a), Number(b), named(byId("a-classes")), counts),
    // Documents send their summary once their frames have loaded.
    documents: async () =>
      summaries.a && summaries.b ? difference.ofDocuments(summaries.a, summaries.b, counts) : null,
  };
  const compare = async (kind) => {
    const [a, b] = chosen(kind);
    if (a === b)
      return differenceView.note(
        place,
        "Both sides show the same; choose another on one of them to see how they differ.",
      );
    const found = await differences[kind](a, b);
    // The reader may have chosen something else in the meantime.
    if (byId("kind").value !== kind || String(chosen(kind)) !== String([a, b])) return undefined;
    return found ? differenceView.draw(place, found) : differenceView.note(place, "Loading both documents.");
  };
  // A reader who follows a link inside a frame chooses another page.
  const moved = (side, href, summary) => {
    const root = new URL(".", location.href).href;
    const address = href.startsWith(root) ? href.slice(root.length).split("#")[0] : "";
    const choice = choiceOf(byId("kind").value, address);
    if (choice === null) return;
    shown[side] = address;
    summaries[side] = summary;
    hashes[side] = new URL(href).hash;
    state.set({ [side]: choice });
    if (summary) compare(byId("kind").value);
  };
  addEventListener("message", ({ source, data }) => {
    const side = SIDES.find((name) => frames[name].contentWindow === source);
    if (side && typeof data?.attvizPage === "string") moved(side, data.attvizPage, data.summary);
    if (!side || typeof data?.attviz !== "string") return;
    hashes[side] = data.attviz;
    state.set({ view: addressState.merged(data.attviz, "").slice(1) });
  });
  byId("kind").addEventListener("change", (event) => {
    SIDES.forEach((side) => {
      hashes[side] = "";
    });
    state.set({ kind: event.target.value, a: "", b: "", view: "" });
  });
  for (const kind of kinds)
    fields(kind).forEach((field, i) => field.addEventListener("change", () => state.set({ [SIDES[i]]: field.value })));
  byId("swap").addEventListener("click", () => {
    const [a, b] = fields(byId("kind").value).map((field) => field.value);
    state.set({ a: b, b: a });
  });
  // A framed page adopts a new theme only when it is loaded again.
  redraw.on(() => {
    for (const side of SIDES) delete shown[side];
    draw();
  });
  const details = byId("difference");
  details.addEventListener("toggle", () => state.set({ difference: details.open ? "" : "closed" }));
  state.subscribe(draw);
  draw();
};

export const comparePage = { ADDRESSES, choiceOf, withPage };
pages.add("compare", start);
