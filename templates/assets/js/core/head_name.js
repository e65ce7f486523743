// Short name of a head. A file of another tool names neither layers nor heads: its vectors are only counted.

export const headName = (row, heads, vectors) => (vectors ? `V${row}` : `L${Math.floor(row / heads)}·H${row % heads}`);
