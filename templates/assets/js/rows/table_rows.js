// Rows of the searchable tables. They arrive as columns, in pieces, from scripts that can also be opened from a file
// system.

const tables = {};

const add = (name, piece) => {
  const table = (tables[name] ??= {});
  for (const [column, values] of Object.entries(piece)) {
    if (column !== "first") table[column] = table[column] ? table[column].concat(values) : values;
  }
};

export const tableRows = { add, get: (name) => tables[name] };
