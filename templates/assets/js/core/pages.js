// What starts a page of each kind; a kind that needs no scripts has nothing here.

const starts = {};

export const pages = {
  add: (kind, start) => {
    starts[kind] = start;
  },
  start: (kind) => starts[kind]?.(),
};
