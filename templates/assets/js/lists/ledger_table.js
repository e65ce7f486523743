// The input rows that were left out, cut or windowed: all of them, where the page itself shows only the first.
((attviz) => {
  "use strict";

  const COLUMNS = [["file", "File"], ["row", "Row"], ["id", "Id"], ["status", "Status"], ["detail", "Detail"]];

  const start = () => {
    const rows = attviz.rows.get("ledger");
    const place = document.getElementById("ledger-table");
    if (!place || !rows) return;
    let sort = "";
    const columns = COLUMNS.map(([name, title]) => ({ name, title, className: `c-${name}`, sort: (i) => rows[name][i] }));
    const cells = (i) => COLUMNS.map(([name]) => {
      const cell = attviz.element("span", `c-${name}`);
      cell.append(attviz.element("bdi", "", String(rows[name][i])));
      return cell;
    });
    const table = attviz.table.create(place, {
      label: "Ledger",
      columns,
      cells,
      onSort: (name) => {
        sort = attviz.table.nextSort(sort, name, false);
        draw();
      },
    });
    const draw = () => {
      const indices = rows.id.map((_, i) => i);
      const column = columns.find((c) => c.name === sort.replace("-", ""));
      if (column) attviz.table.sortedBy(indices, column.sort, sort.startsWith("-"));
      table.show(indices, column?.name, sort.startsWith("-"));
    };
    document.getElementById("ledger-details").addEventListener("toggle", draw);
    draw();
  };

  (attviz.pages ??= {}).about = start;
})(globalThis.attviz ??= {});
