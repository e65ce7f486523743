// The searchable index of documents.

import { addressState } from "../core/address_state.js";
import { element } from "../core/element.js";
import { formats } from "../core/formats.js";
import { hiddenTexts } from "../core/hidden_texts.js";
import { late } from "../core/late.js";
import { load } from "../core/load.js";
import { pages } from "../core/pages.js";
import { readingList } from "../core/reading_list.js";
import { tableRows } from "../rows/table_rows.js";
import { documentCsv } from "./document_csv.js";
import { documentValues } from "./document_values.js";
import { longTable } from "../searchable_tables/long_table.js";
import { search } from "../searchable_tables/search.js";
import { shadedTexts } from "./shaded_texts.js";

const EXCERPT = 220;
const LINE = 21;
const SHADE = "mean";
const DEFAULTS = {
  q: "",
  gold: "",
  predicted: "",
  outcome: "",
  group: "",
  maps: "",
  vectors: "",
  evidence: "",
  error: "",
  confidence: "",
  length: "",
  sort: "",
  view: "table",
  m: SHADE,
  lines: "2",
  at: "",
};
// Choices of the list of shaded texts, and their keys in the address; that of the score is the one of document pages.
const LOOKS = { shade: "m", lines: "lines" };
const PIECE = 4000;
const LONGEST_TRAIL = 20000;
const FEW = 20;
const byId = (id) => document.getElementById(id);
const exportFiles = late("exportFiles");
const otherDocuments = late("otherDocuments");

// Position of the document in a row: where some have no page, rows are fewer than documents.
const position = (rows, i) => rows.position?.[i] ?? i;

const size = (number) => (number === null ? null : Math.abs(number));

// A range that is open at an end, and a number that is not null.
const between =
  (of, [least, most]) =>
  (i) => {
    const value = of(i);
    return value !== null && (least === null || value >= least) && (most === null || value <= most);
  };

const set = (wanted) => wanted !== "" && wanted !== null;

// One test per filter that is set. The search, which reads texts, comes last.
const tests = (
  rows,
  outcomes,
  lower,
  query,
  { gold, predicted, outcome, group, maps, vectors, evidence, ...ranges },
) => {
  const is = (column, wanted) => {
    if (Array.isArray(wanted)) return between((i) => rows[column][i], wanted);
    const fits = documentValues.asked(wanted);
    return (i) => fits(rows[column][i]);
  };
  const outcomeFits = documentValues.outcomeTest(outcome, outcomes);
  return [
    set(gold) && is("label", gold),
    set(predicted) && is("prediction", predicted),
    outcome !== "" && ((i) => outcomeFits(rows.outcome[i])),
    group && ((i) => rows.group[i] === group - 1),
    maps && ((i) => rows.maps[i]),
    vectors && ((i) => rows.vectors[i]),
    evidence && ((i) => rows.evidence[i]),
    ranges.confidence && between((i) => rows.confidence[i] * 100, ranges.confidence),
    ranges.length && between((i) => rows.tokens[i], ranges.length),
    ranges.error && between((i) => size(rows.error[i]), ranges.error),
    query && ((i) => lower.at(i).includes(query)),
  ].filter(Boolean);
};

// Finds the rows that pass all tests, by a plain scan, which is fast enough for 100,000 texts. While a query grows, the
// scan covers only the rows found before: every text that contains the longer query also contains the shorter one.
const finder = (rows, lower, outcomes = ["right", "wrong"]) => {
  const all = Array.from(rows.id, (_, i) => i);
  let last = { found: all, query: "" };
  return ({ q, ...filter }) => {
    const [query, filters] = [search.query(q ?? ""), JSON.stringify(filter)];
    const among = filters === last.filters && query.includes(last.query) ? last.found : all;
    last = {
      filters,
      query,
      found: tests(rows, outcomes, lower, query, filter).reduce((found, test) => found.filter(test), among),
    };
    return last.found;
  };
};

// Texts and ids in the form that a search compares. They are computed while the page is idle, or when a search needs
// them.
const folded = (rows) => {
  const made = [];
  const ahead = (last) => {
    while (made.length <= last) made.push(search.fold(`${rows.text[made.length]}\n${rows.id[made.length]}`));
  };
  const rest = globalThis.requestIdleCallback ?? ((call) => setTimeout(call, 30));
  const go = () => {
    if (made.length >= rows.id.length) return;
    ahead(Math.min(rows.id.length, made.length + PIECE) - 1);
    rest(go);
  };
  return {
    go: () => rest(go),
    at: (i) => {
      if (i >= made.length) ahead(i);
      return made[i];
    },
  };
};

// "10-200", "10-" and "-200" are ranges, and so is "-3--1" between negative numbers; anything else is not.
const range = (text) => {
  const match = /^(-?\d+(?:\.\d+)?)?-(-?\d+(?:\.\d+)?)?$/.exec(text);
  return match && (match[1] || match[2])
    ? [match[1] === undefined ? null : Number(match[1]), match[2] === undefined ? null : Number(match[2])]
    : null;
};

// Names sort as texts, values by their size.
const sorted = (labels) => (labels.length ? documentValues.spell(labels) : (value) => value);

const columnsOf = (rows, { labels, labelled, numbers }, score) => [
  { name: "number", title: "No.", className: "c-number", sort: (i) => i },
  { name: "text", title: "Text", className: "c-text" },
  { name: "id", title: "Id", className: "c-id", sort: (i) => rows.id[i] },
  ...(labelled
    ? [{ name: "gold", title: "Gold", className: "c-gold", sort: (i) => sorted(labels)(rows.label[i]) }]
    : []),
  { name: "predicted", title: "Predicted", className: "c-predicted", sort: (i) => sorted(labels)(rows.prediction[i]) },
  ...numbers.map(({ name, title, key, by_size: bySize }) => ({
    name,
    title,
    className: `c-${name}`,
    sort: (i) => (bySize ? (size(rows[key][i]) ?? -1) : rows[key][i]),
    falling: true,
  })),
  ...Object.entries(score).map(([name, title]) => ({
    name,
    title,
    className: "c-score",
    sort: (i) => rows[name][i] ?? -1,
    falling: true,
  })),
];

const SIGNS = { right: "✓", partly_right: "◐", wrong: "✗" };

const outcomeOf = ([name, words]) => {
  const made = element("span", `outcome ${name.replace("_", "-")}`);
  const sign = element("span", "", SIGNS[name]);
  sign.setAttribute("aria-hidden", "true");
  made.append(sign, ` ${words}`);
  return made;
};

const valueCell = (className, value) => {
  const cell = element("span", className);
  cell.append(element("bdi", "", value));
  return cell;
};

// What a row has in the table and in the list of shaded texts: number, text, gold value if there are any, prediction.
const commonCells = (rows, { labels, labelled }, outcomes, i, hash, write) => {
  const spelled = documentValues.spell(labels);
  const at = position(rows, i);
  const link = element("a", "row-link", String(at + 1));
  link.href = readingList.page(at) + hash;
  const number = element("span", "c-number");
  number.append(link);
  const text = element("span", "c-text document-text");
  text.dir = "auto";
  write(text);
  const predicted = valueCell("c-predicted", spelled(rows.prediction[i]));
  const outcome = rows.outcome?.[i] ?? null;
  if (outcome !== null) predicted.append(" ", outcomeOf(outcomes[outcome]));
  return { number, text, gold: labelled ? [valueCell("c-gold", spelled(rows.label[i]))] : [], predicted };
};

const shadedCells = (rows, shown, outcomes, texts, look) => (i) => {
  const hash = look.score === SHADE ? "" : `#m=${look.score}`;
  const { number, text, gold, predicted } = commonCells(rows, shown, outcomes, i, hash, (place) =>
    texts(place, i, look),
  );
  gold.forEach((cell) => cell.prepend("gold "));
  return [number, text, predicted, ...gold];
};

const cellsOf = (rows, shown, outcomes, query, score) => (i) => {
  const { marked, markedExcerpt } = longTable;
  const { number, text, gold, predicted } = commonCells(rows, shown, outcomes, i, "", (place) =>
    place.append(...markedExcerpt(rows.text[i], query, EXCERPT)),
  );
  const { numbers } = shown;
  const id = element("span", "c-id");
  const marks = element("bdi");
  marks.append(marked(rows.id[i], query));
  id.append(marks);
  if (rows.full && !rows.full[i]) id.append(" ", element("span", "subject", "· layers only"));
  return [
    number,
    text,
    id,
    ...gold,
    predicted,
    ...numbers.map(({ name, key, written }) =>
      element("span", `c-${name}`, rows[key][i] === null ? "–" : formats[written](rows[key][i], 3)),
    ),
    element("span", "c-score", rows[score][i] === null ? "–" : formats.significant(rows[score][i], 3)),
  ];
};

const offered = (field, value) =>
  !field.options || [...field.options].some((option) => option.value === value) ? value : "";

// Stores the filtered list, which document pages step through.
const leaveTrail = (found, active, rows) => {
  try {
    const trail = () => found.map((i) => position(rows, i)).join(",");
    if (active && found.length <= LONGEST_TRAIL) sessionStorage.setItem(readingList.keyOf("."), trail());
    else sessionStorage.removeItem(readingList.keyOf("."));
  } catch {
    /* stepping then goes through all documents */
  }
};

// The ranges that the page offers: gold and predicted values are ranges where there are no labels to choose from.
const RANGES = Object.fromEntries(
  ["gold", "predicted", "error", "confidence", "length"].map((name) => [name, [`${name}-from`, `${name}-to`]]),
);
const ranges = () => Object.entries(RANGES).filter(([, [from]]) => byId(from));

// The filters that the page offers. A link may ask for a class that does not exist.
const asked = (state, fields, boxes) => {
  const filter = Object.fromEntries(
    ["q", "gold", "predicted", "outcome", "group"].map((key) => [
      key,
      fields[key] ? offered(fields[key], state.get(key)) : "",
    ]),
  );
  for (const [key] of ranges()) filter[key] = range(state.get(key));
  for (const [key, box] of Object.entries(boxes)) filter[key] = box !== null && state.get(key) === "yes";
  return filter;
};

const showFilter = (filter, fields, boxes) => {
  for (const [key, box] of Object.entries(boxes)) if (box) box.checked = filter[key];
  for (const [key, field] of Object.entries(fields)) if (field.value !== filter[key]) field.value = filter[key];
  for (const [key, ids] of ranges())
    ids.forEach((id, end) => {
      const value = String(filter[key]?.[end] ?? "");
      if (byId(id).value !== value && document.activeElement !== byId(id)) byId(id).value = value;
    });
};

const listen = (state, fields, boxes, scores) => {
  for (const [key, field] of Object.entries(fields))
    field.addEventListener("input", () => state.set({ [key]: field.value }));
  for (const [key, box] of Object.entries(boxes))
    box?.addEventListener("change", () => state.set({ [key]: box.checked ? "yes" : "" }));
  for (const [key, ids] of ranges())
    for (const id of ids)
      byId(id).addEventListener("input", () => {
        const [from, to] = ids.map((end) => byId(end).value);
        state.set({ [key]: from || to ? `${from}-${to}` : "" });
      });
  scores.addEventListener("change", () => state.set({ sort: `-${scores.value}` }));
  for (const input of document.querySelectorAll("input[name=view]"))
    input.addEventListener("change", () => state.set({ view: input.value }));
  for (const [id, key] of Object.entries(LOOKS))
    byId(id).addEventListener("change", () => state.set({ [key]: byId(id).value }));
};

// Files are not blurred.
const offerCsv = (made) =>
  byId("csv").addEventListener("click", async () => {
    const note = byId("documents-note");
    note.textContent = hiddenTexts.now()
      ? "The file contains the texts without blur: ask for the texts at the top of the page first."
      : "";
    if (note.textContent) return;
    try {
      await load("assets/exports.js");
      exportFiles().download("documents.csv", "text/csv", made());
    } catch (fault) {
      note.textContent = `Nothing was exported: ${fault.message}.`;
    }
  });

// The search of documents without a page is loaded when it is opened. A search of the table with few hits offers it.
const offerOthers = (shown) => {
  const place = byId("others");
  if (!place) return;
  let started = null;
  const start = async () => {
    try {
      await load("assets/other_documents.js");
      otherDocuments().start(shown);
    } catch ({ message }) {
      byId("others-state").textContent = `The search is missing: ${message}.`;
    }
  };
  place.addEventListener("toggle", () => (started ??= start()));
  byId("others-too").addEventListener("click", async () => {
    byId("others-query").value = byId("search").value;
    place.open = true;
    await (started ??= start());
    byId("others-go").click();
    byId("others-query").focus();
  });
};

// What the list of shaded texts shows: whether it is chosen, and how.
const lookOf = (state, query) => {
  const [score, lines] = ["shade", "lines"].map((id) => offered(byId(id), state.get(LOOKS[id])) || DEFAULTS[LOOKS[id]]);
  return { asTexts: state.get("view") === "texts", query, score, lines: Number(lines) };
};

const showLook = ({ asTexts, score, lines }, place) => {
  document.querySelector(`input[name=view][value=${asTexts ? "texts" : "table"}]`).checked = true;
  Object.assign(byId("shade"), { value: score });
  Object.assign(byId("lines"), { value: lines });
  for (const part of document.querySelectorAll("[data-of-texts]")) part.hidden = !asTexts;
  for (const part of document.querySelectorAll("[data-of-shade]")) part.hidden = part.dataset.ofShade !== score;
  place.classList.toggle("as-texts", asTexts);
  place.style.setProperty("--lines", lines);
  // Prediction and gold value have lines of their own on a narrow screen.
  const height = LINE * (lines + (matchMedia("(max-width: 48rem)").matches ? 1 : 0)) + 3;
  place.style.setProperty("--row-height", asTexts ? `${height}px` : "");
};

const start = () => {
  const rows = tableRows.get("documents");
  const place = byId("document-table");
  const shown = JSON.parse(place.dataset.columns);
  const { labels, total } = shown;
  if (!rows || rows.id.length !== total) return;
  const lower = folded(rows);
  // The filter of outcomes has their names and words, the best first; without gold labels there is none.
  const outcomes = [...(byId("filter-outcome")?.options ?? [])]
    .slice(1)
    .map(({ value, text: words }) => [value, words]);
  const find = finder(
    rows,
    lower,
    outcomes.map(([name]) => name),
  );
  const state = addressState.create(DEFAULTS);
  const places = {
    q: byId("search"),
    gold: byId("filter-gold"),
    predicted: byId("filter-predicted"),
    outcome: byId("filter-outcome"),
    group: byId("filter-group"),
  };
  const boxes = {
    maps: byId("filter-maps"),
    vectors: byId("filter-vectors"),
    evidence: byId("filter-evidence"),
  };
  const scores = byId("score");
  const titles = Object.fromEntries([...scores.options].map(({ value, text }) => [value, text]));
  // Without gold labels, maps or evidence there is nothing to filter by, and the page has no such fields.
  const fields = Object.fromEntries(Object.entries(places).filter(([, field]) => field));
  for (const select of [fields.gold, fields.predicted].filter(Boolean))
    for (const choice of documentValues.choices(labels, Array.isArray(rows.prediction[0])))
      select.append(new Option(...choice));
  const columns = columnsOf(rows, shown, titles);
  const nameOf = (sort) => sort.replace("-", "");
  const order = longTable.sorter(total);
  let score = "mean";
  let listed = [];
  let look = lookOf(state, "");
  const texts = shadedTexts.create(rows, shown.shades, ({ message }) => {
    byId("documents-note").textContent = `Shades are missing: ${message}.`;
  });
  const table = longTable.create(place, {
    label: "Documents",
    columns,
    cells: (i) =>
      look.asTexts
        ? shadedCells(rows, shown, outcomes, texts, look)(i)
        : cellsOf(rows, shown, outcomes, look.query, score)(i),
    onScroll: (at) => state.set({ at: at || "" }),
    onSort: (name) =>
      state.set({ sort: longTable.nextSort(state.get("sort"), name, columns.find((c) => c.name === name).falling) }),
  });
  const draw = () => {
    const filter = asked(state, fields, boxes);
    look = lookOf(state, search.query(filter.q));
    showFilter(filter, fields, boxes);
    showLook(look, place);
    const descending = state.get("sort").startsWith("-");
    const column = columns.find((c) => c.name === nameOf(state.get("sort")));
    if (column && titles[column.name]) score = column.name;
    scores.value = score;
    table.only("c-score", score);
    let found = find(filter);
    if (column?.sort) found = order(found, column, descending);
    byId("matches").textContent =
      found.length === total
        ? `all ${formats.count(total)}`
        : `${formats.count(found.length)} of ${formats.count(total)}`;
    if (byId("others-too")) byId("others-too").hidden = !look.query || found.length >= FEW;
    listed = found;
    leaveTrail(found, found.length < total || column, rows);
    table.show(found, column?.name, descending);
  };
  const scroll = () => {
    const at = Number(state.get("at"));
    if (Number.isInteger(at) && at !== table.topmost()) table.scrollTo(Math.max(0, at));
  };
  listen(state, fields, boxes, scores);
  offerCsv(() => documentCsv(rows, shown, outcomes, Object.keys(titles), listed));
  offerOthers(shown);
  state.subscribe((_, changed) => {
    if (changed.some((key) => key !== "at")) draw();
    // Rows of the two views differ in height, and a link may ask for another place.
    if (["at", "view", "lines"].some((key) => changed.includes(key))) scroll();
  });
  draw();
  scroll();
  lower.go();
};

export const documentTable = { finder, folded, range };
pages.add("documents", start);
