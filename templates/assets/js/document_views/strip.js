// The text around the token under the cursor, with the token in the middle.

import { element } from "../core/element.js";

const LENGTH = 90;

export const strip = (place, doc) => {
  const parts = ["strip-before", "strip-token", "strip-after"].map((name) => element("span", name));
  place.replaceChildren(...parts);
  return {
    cursor: ({ token }) => {
      const [from, to] = token < 0 ? [0, 0] : [doc.starts[token], doc.ends[token]];
      const words =
        token < 0
          ? ["", "", ""]
          : [doc.text.slice(Math.max(0, from - LENGTH), from), doc.word(token), doc.text.slice(to, to + LENGTH)];
      parts.forEach((part, i) => {
        part.textContent = words[i].replace(/\s+/g, " ");
      });
    },
  };
};
