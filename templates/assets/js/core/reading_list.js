// The reader's own list: what the filtered index leaves behind, and document pages step through.

const keyOf = (root) => `attviz.trail:${new URL(root, location.href).href}`;

const page = (index) => `documents/${String(index).padStart(6, "0")}.html`;

export const readingList = { keyOf, page };
