// Rows of the searchable tables arrive as columns, in pieces, from scripts that also open from a file system.
((attviz) => {
  "use strict";

  const tables = {};

  const add = (name, piece) => {
    const table = (tables[name] ??= {});
    for (const [column, values] of Object.entries(piece)) {
      if (column !== "first") table[column] = table[column] ? table[column].concat(values) : values;
    }
  };

  attviz.rows = { add, get: (name) => tables[name] };
})(globalThis.attviz ??= {});
