// The document of the page once its views exist; null before that and on every other page.

let shown = null;

export const shownDocument = {
  get: () => shown,
  set: (page) => {
    shown = page;
  },
};
