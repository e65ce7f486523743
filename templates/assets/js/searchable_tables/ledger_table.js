// The input rows that were left out, cut or windowed: all of them, while the page itself lists only the first.

import { element } from "../core/element.js";
import { pages } from "../core/pages.js";
import { tableRows } from "../rows/table_rows.js";
import { longTable } from "./long_table.js";

const COLUMNS = [
  ["file", "File"],
  ["row", "Row"],
  ["id", "Id"],
  ["status", "Status"],
  ["detail", "Detail"],
];

const start = () => {
  const rows = tableRows.get("ledger");
  const place = document.getElementById("ledger-table");
  if (!place || !rows) return;
  let sort = "";
  const columns = COLUMNS.map(([name, title]) => ({ name, title, className: `c-${name}`, sort: (i) => rows[name][i] }));
  const cells = (i) =>
    COLUMNS.map(([name]) => {
      const cell = element("span", `c-${name}`);
      cell.append(element("bdi", "", String(rows[name][i])));
      return cell;
    });
  const table = longTable.create(place, {
    label: "Ledger",
    columns,
    cells,
    onSort: (name) => {
      sort = longTable.nextSort(sort, name, false);
      draw();
    },
  });
  const draw = () => {
    const indices = rows.id.map((_, i) => i);
    const column = columns.find((c) => c.name === sort.replace("-", ""));
    if (column) longTable.sortedBy(indices, column.sort, sort.startsWith("-"));
    table.show(indices, column?.name, sort.startsWith("-"));
  };
  document.getElementById("ledger-details").addEventListener("toggle", draw);
  draw();
};

pages.add("about", start);
