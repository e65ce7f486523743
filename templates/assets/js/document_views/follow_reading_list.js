// Previous and next follow the list of documents that the reader filtered on the index page.

import { element } from "../core/element.js";
import { formats } from "../core/formats.js";
import { readingList } from "../core/reading_list.js";

const read = () => {
  try {
    return (sessionStorage.getItem(readingList.keyOf("..")) ?? "").split(",").filter(Boolean).map(Number);
  } catch {
    return [];
  }
};

export const followReadingList = () => {
  const trail = read();
  const at = trail.indexOf(Number(/(\d+)\.html$/.exec(location.pathname)?.[1]));
  if (at < 0) return;
  const pager = document.querySelector(".pager");
  const link = (index, relation, text) => {
    const known = trail[index] !== undefined;
    const made = element(known ? "a" : "span", known ? "" : "off", text);
    return known ? Object.assign(made, { href: `../${readingList.page(trail[index])}`, rel: relation }) : made;
  };
  pager.firstElementChild.replaceWith(link(at - 1, "prev", "← Previous"));
  pager.lastElementChild.replaceWith(link(at + 1, "next", "Next →"));
  pager.querySelector(".trail").textContent =
    ` · ${formats.count(at + 1)} of ${formats.count(trail.length)} in your list`;
};
