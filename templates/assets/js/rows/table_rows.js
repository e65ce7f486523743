// Rows of the searchable tables arrive as columns, in pieces, from scripts that also open from a file system.

const tables = {};

const add = (name, piece) => {
  const table = (tables[name] ??= {});
  for (const [column, values] of Object.entries(piece)) {
    if (column !== "first") table[column] = table[column] ? table[column].concat(values) : values;
  }
};

export const tableRows = { add, get: (name) => tables[name] };
