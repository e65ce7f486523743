// A long table in which only the visible rows exist.

import { element } from "../core/element.js";
import { formats } from "../core/formats.js";
import { keep } from "../core/keep.js";
import { redraw } from "../core/redraw.js";
import { search } from "./search.js";

// Browsers limit the height of an element.
const MAX_HEIGHT = 8e6;
const MARGIN_ROWS = 8;
const MOST_PRINTED = 1000;
const LEAD = 20;
const SETTLED_AFTER = 250;

// The part of a text from one place to another, with the hits of the search in it marked.
const markedPart = (text, hits, from, to) => {
  const parts = [];
  let at = from;
  for (const [start, end] of hits) {
    if (end <= at || start >= to) continue;
    const [first, last] = [Math.max(at, start), Math.min(to, end)];
    parts.push(text.slice(at, first), element("mark", "", text.slice(first, last)));
    at = last;
  }
  return [...parts, text.slice(at, to)];
};

// A text with the hits of the search marked.
const marked = (text, query) => {
  const fragment = document.createDocumentFragment();
  fragment.append(...markedPart(text, search.hits(text, query), 0, text.length));
  return fragment;
};

// The part of a text to show in a narrow place: from its beginning, or from a word at most `lead` characters before the
// first hit, so that the hit is in sight.
const excerpt = (text, hits, length, lead = LEAD) => {
  const at = hits[0]?.[0] ?? 0;
  const word = at > lead ? text.indexOf(" ", at - lead) + 1 : 0;
  const from = at <= lead ? 0 : word > 0 && word <= at ? word : at;
  return [from, Math.min(text.length, from + length)];
};

// That part, with an ellipsis where something is left out.
const markedExcerpt = (text, query, length) => {
  const hits = search.hits(text, query);
  const [from, to] = excerpt(text, hits, length);
  return [from ? "…" : "", ...markedPart(text, hits, from, to), to < text.length ? "…" : ""];
};

const sortedBy = (indices, key, descending) => {
  const sign = descending ? -1 : 1;
  const keys = [];
  for (const i of indices) keys[i] = key(i);
  const compare =
    typeof keys[indices[0]] === "string"
      ? (a, b) => (keys[a] < keys[b] ? -1 : keys[a] > keys[b] ? 1 : 0)
      : (a, b) => keys[a] - keys[b];
  return indices.sort((a, b) => sign * compare(a, b) || a - b);
};

// Sorts found rows by a column. The order of all rows is computed once for each column and direction.
const sorter = (total) => {
  const orders = {};
  return (found, column, descending) => {
    const order = (orders[`${descending}${column.name}`] ??= sortedBy(
      Array.from({ length: total }, (_, i) => i),
      column.sort,
      descending,
    ));
    if (found.length === total) return order;
    const wanted = new Uint8Array(total);
    for (const i of found) wanted[i] = 1;
    return order.filter((i) => wanted[i]);
  };
};

// Columns: {name, title, className, sort: index -> number or string, falling}. `cells(index)` gives the nodes of a row.
// `onScroll` gets the first row in sight when the reader stops scrolling.
const create = (place, { label, columns, cells, onSort, onScroll }) => {
  const head = element("div", "row row-head");
  const list = element("ol", "row-list");
  list.setAttribute("aria-label", label);
  const spacer = element("div", "row-spacer");
  spacer.append(list);
  const empty = element("p", "empty", "Nothing matches. Remove a filter or shorten the search.");
  // Paper does not scroll: the first rows are printed, with a note on how many are missing.
  const cut = element("p", "note");
  cut.hidden = true;
  place.replaceChildren(head, spacer, cut, empty);
  place.classList.add("live");
  let indices = [];
  let rows = new Map();
  let rowHeight = 44;
  let printing = false;
  let topmost = 0;

  const buttons = columns.map(({ name, title, className, sort }) => {
    const button = element(sort ? "button" : "span", className, title);
    if (sort) {
      button.type = "button";
      button.addEventListener("click", () => onSort(name));
    }
    head.append(button);
    return button;
  });

  const made = (i) => {
    const row = element("li", "row");
    row.setAttribute("aria-setsize", indices.length);
    row.setAttribute("aria-posinset", i + 1);
    row.append(...cells(indices[i]));
    return row;
  };

  // Visible rows are kept, and so is the row with the keyboard focus: otherwise the focus would return to the top of
  // the page.
  const fill = (first, last) => {
    const shown = Array.from({ length: last - first }, (_, n) => [first + n, rows.get(first + n) ?? made(first + n)]);
    const held = [...rows].find(([i, row]) => (i < first || i >= last) && row.contains(document.activeElement));
    if (held) shown.splice(held[0] < first ? 0 : shown.length, 0, held);
    rows = new Map(shown);
    rows.forEach((row, i) => row.classList.toggle("visually-hidden", i === held?.[0]));
    keep(list, [...rows.values()]);
  };

  // Rows down to the end of the window and some more; at least a full window, because the content above may be folded
  // away.
  const rowsBelow = (top) =>
    Math.max(Math.ceil(innerHeight / rowHeight), Math.ceil((innerHeight - Math.max(0, top)) / rowHeight) + MARGIN_ROWS);

  // The titles stay at the top of the window, and cover what is below them.
  const covered = () => head.offsetHeight;

  const draw = () => {
    const height = Math.min(MAX_HEIGHT, indices.length * rowHeight);
    const from = spacer.getBoundingClientRect().top;
    const top = Math.max(0, -from);
    const stretch =
      height < indices.length * rowHeight
        ? (indices.length * rowHeight - innerHeight) / Math.max(1, height - innerHeight)
        : 1;
    const at = Math.max(0, Math.min(indices.length - 1, Math.floor((top * stretch) / rowHeight)));
    if (!printing)
      topmost = top ? Math.min(indices.length - 1, Math.round((top * stretch + covered()) / rowHeight)) : 0;
    const first = printing ? 0 : Math.max(0, at - MARGIN_ROWS);
    const last = Math.min(indices.length, printing ? MOST_PRINTED : at + rowsBelow(from));
    fill(first, last);
    spacer.style.height = `${printing ? last * rowHeight : height}px`;
    cut.hidden = !printing || last === indices.length;
    cut.textContent = `Only the first ${formats.count(last)} of ${formats.count(indices.length)} rows are printed.`;
    const offset = printing ? 0 : stretch === 1 ? first * rowHeight : top - (top * stretch - first * rowHeight);
    list.style.transform = `translateY(${Math.max(0, offset)}px)`;
  };

  const show = (next, sortName, descending) => {
    indices = next;
    rows.clear();
    rowHeight = parseFloat(getComputedStyle(place).getPropertyValue("--row-height")) || 44;
    empty.hidden = indices.length > 0;
    buttons.forEach((button, i) => {
      const active = columns[i].name === sortName;
      button.dataset.sort = active ? (descending ? "falling" : "rising") : "";
      if (columns[i].sort) button.setAttribute("aria-pressed", String(active));
    });
    draw();
  };

  let waiting = false;
  const soon = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  };
  let settling = 0;
  const settle = () => {
    clearTimeout(settling);
    settling = setTimeout(() => onScroll?.(topmost), SETTLED_AFTER);
  };
  addEventListener("scroll", soon, { passive: true });
  addEventListener("scroll", settle, { passive: true });
  addEventListener("resize", soon);
  redraw.on(() => {
    rowHeight = parseFloat(getComputedStyle(place).getPropertyValue("--row-height")) || 44;
    draw();
  });
  const print = (now) => () => {
    printing = now;
    draw();
  };
  addEventListener("beforeprint", print(true));
  addEventListener("afterprint", print(false));
  // Of the columns of a class, shows only the named one.
  const only = (className, name) =>
    columns.forEach((column, i) => {
      if (column.className === className) buttons[i].hidden = column.name !== name;
    });
  // Scrolls until a row is the first below the titles.
  const scrollTo = (i) => {
    const height = Math.min(MAX_HEIGHT, indices.length * rowHeight);
    const stretch = (height - innerHeight) / Math.max(1, indices.length * rowHeight - innerHeight);
    const down = Math.min(i, indices.length - 1) * rowHeight - covered();
    const page = document.documentElement;
    page.scrollTop += spacer.getBoundingClientRect().top + down * (height < indices.length * rowHeight ? stretch : 1);
    draw();
  };
  return { show, only, scrollTo, topmost: () => topmost };
};

// The next sort when a column title is clicked: its natural direction, then the reverse, then none.
const nextSort = (current, name, falling) => {
  const [first, second] = falling ? [`-${name}`, name] : [name, `-${name}`];
  return current === first ? second : current === second ? "" : first;
};

export const longTable = {
  create,
  sorter,
  marked,
  markedPart,
  markedExcerpt,
  excerpt,
  sortedBy,
  nextSort,
};
