// The short name of a head. Files of other tools name neither layers nor heads: their vectors are numbered.

export const headName = (row, heads, vectors) => (vectors ? `V${row}` : `L${Math.floor(row / heads)}·H${row % heads}`);
