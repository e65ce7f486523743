// The start function of each kind of page. Pages that need no scripts have none.

const starts = {};

export const pages = {
  add: (kind, start) => {
    starts[kind] = start;
  },
  start: (kind) => starts[kind]?.(),
};
