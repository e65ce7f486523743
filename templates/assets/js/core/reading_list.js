// The reader's list: the filtered index stores it, and document pages step through it.

const keyOf = (root) => `attviz.trail:${new URL(root, location.href).href}`;

const page = (index) => `documents/${String(index).padStart(6, "0")}.html`;

export const readingList = { keyOf, page };
