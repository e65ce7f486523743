// The document that the page shows, once its views are there; null on every other page and until then.

let shown = null;

export const shownDocument = {
  get: () => shown,
  set: (page) => {
    shown = page;
  },
};
