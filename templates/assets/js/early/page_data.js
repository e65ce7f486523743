// What data scripts hand to the page: `shared`, `parts`, `sources`, `keys` (see assets.py), and `single` on a page
// that is one file.

export const pageData = {};
