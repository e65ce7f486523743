// The searchable table of token statistics.

import { addressState } from "../core/address_state.js";
import { element } from "../core/element.js";
import { formats } from "../core/formats.js";
import { headName } from "../core/head_name.js";
import { pages } from "../core/pages.js";
import { tableRows } from "../rows/table_rows.js";
import { longTable } from "../searchable_tables/long_table.js";
import { search } from "../searchable_tables/search.js";
import { tokenDetail } from "./token_detail.js";

const byId = (id) => document.getElementById(id);

const matching = (rows, { q, support, special }) => {
  const query = search.query(q);
  const found = [];
  for (let i = 0; i < rows.token.length; i++) {
    if (rows.documents[i] < support || (rows.special[i] && !special)) continue;
    if (query && !search.fold(rows.token[i]).includes(query)) continue;
    found.push(i);
  }
  return found;
};

const MOMENTS = [
  ["mean", "Mean", 3],
  ["std", "Std", 3],
  ["min", "Min", 2],
  ["max", "Max", 3],
];

const columnsOf = (rows) => [
  { name: "token", title: "Token", className: "c-token", sort: (i) => rows.token[i] },
  ...MOMENTS.map(([name, title]) => ({
    name,
    title,
    className: `c-${name}`,
    sort: (i) => rows[name][i],
    falling: true,
  })),
  { name: "count", title: "Count", className: "c-count", sort: (i) => rows.count[i], falling: true },
  { name: "documents", title: "Docs", className: "c-documents", sort: (i) => rows.documents[i], falling: true },
  { name: "best", title: "Top head", className: "c-best", sort: (i) => rows.best[i] },
];

const cellsOf = (rows, heads, vectors, query) => (i) => {
  const { marked } = longTable;
  const token = element("span", "c-token");
  const name = element("bdi", "token");
  name.append(marked(rows.token[i], query));
  if (rows.details[i] >= 0) {
    const link = element("a", "row-link plain");
    link.href = `#${new URLSearchParams({ token: rows.token[i] })}`;
    link.append(name);
    token.append(link);
  } else token.append(name);
  if (rows.special[i]) token.append(" ", element("span", "hint", "special or unknown"));
  if (rows.word[i]) token.append(" ", element("span", "hint", "word"));
  const [layer, head] = [Math.floor(rows.best[i] / heads), rows.best[i] % heads];
  const link = element("a", "head-name", headName(rows.best[i], heads, vectors));
  link.href = `heads/L${String(layer).padStart(2, "0")}-H${String(head).padStart(2, "0")}.html`;
  const best = element("span", "c-best");
  best.append(link);
  return [
    token,
    ...MOMENTS.map(([column, , digits]) =>
      element("span", `c-${column}`, formats.significant(rows[column][i], digits)),
    ),
    element("span", "c-count", formats.count(rows.count[i])),
    element("span", "c-documents", formats.count(rows.documents[i])),
    best,
  ];
};

const start = () => {
  const rows = tableRows.get("tokens");
  const place = byId("token-table");
  const { heads, vectors, support, total } = JSON.parse(place.dataset.columns);
  if (!rows || rows.token.length !== total) return;
  const state = addressState.create({ q: "", support: String(support), special: "", sort: "-mean", token: "" });
  const columns = columnsOf(rows);
  let query = "";
  const table = longTable.create(place, {
    label: "Tokens",
    columns,
    cells: (i) => cellsOf(rows, heads, vectors, query)(i),
    onSort: (name) =>
      state.set({ sort: longTable.nextSort(state.get("sort"), name, columns.find((c) => c.name === name).falling) }),
  });
  const draw = () => {
    const filter = {
      q: state.get("q"),
      support: Math.max(1, Number(state.get("support")) || 1),
      special: state.get("special") === "1",
    };
    query = search.query(filter.q);
    if (byId("search").value !== filter.q) byId("search").value = filter.q;
    if (Number(byId("support").value) !== filter.support) byId("support").value = filter.support;
    byId("with-special").checked = filter.special;
    const found = matching(rows, filter);
    const descending = state.get("sort").startsWith("-");
    const column = columns.find((c) => c.name === state.get("sort").replace("-", ""));
    if (column) longTable.sortedBy(found, column.sort, descending);
    byId("matches").textContent = `${formats.count(found.length)} of ${formats.count(total)}`;
    table.show(found, column?.name, descending);
  };
  const detail = tokenDetail.create(byId("token-detail"), rows, JSON.parse(place.dataset.columns), state);
  byId("search").addEventListener("input", (event) => state.set({ q: event.target.value }));
  byId("support").addEventListener("input", (event) => {
    if (event.target.value) state.set({ support: event.target.value });
  });
  byId("with-special").addEventListener("change", (event) => state.set({ special: event.target.checked ? "1" : "" }));
  state.subscribe((_, changed) => {
    if (changed.includes("token")) detail.show(state.get("token"));
    if (changed.some((key) => key !== "token")) draw();
  });
  draw();
  return detail.show(state.get("token"));
};

export const tokenTable = { matching };
pages.add("tokens", start);
