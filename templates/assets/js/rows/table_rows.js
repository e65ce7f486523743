// Rows of the searchable tables. They arrive as columns, in pieces, from scripts that can also be opened from a file
// system.

const tables = {};

const add = (name, piece) => {
  const table = (tables[name] ??= {});
  for (const [column, values] of Object.entries(piece)) {
    if (column !== "first") table[column] = table[column] ? table[column].concat(values) : values;
  }
};

// Rows that are used once, and not kept.
const take = (name) => {
  const taken = tables[name];
  delete tables[name];
  return taken;
};

export const tableRows = { add, get: (name) => tables[name], take };
