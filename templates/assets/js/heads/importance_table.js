// The table of what switching heads off changes: sorted by any column, and only the heads that the reader asks for.

import { element } from "../core/element.js";

// Which rows are shown; `clear` rows can be distinguished from zero.
const SHOWN = {
  falls: ({ clear, judged }) => clear && judged < 0,
  rises: ({ clear, judged }) => clear && judged > 0,
  flips: ({ flips }) => flips > 0,
};

const at = (columns, i) => Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values[i]]));

const isShown = (row, which) => (SHOWN[which] ?? (() => true))(row);

// Missing values come last, whichever way the others are sorted.
const ordered = (indices, values, descending) => {
  const sign = descending ? -1 : 1;
  const missing = (i) => values[i] === null;
  return [...indices].sort(
    (a, b) => missing(a) - missing(b) || (missing(a) ? 0 : sign * (values[a] - values[b])) || a - b,
  );
};

// Columns hold one value for each row of the table, heads before layers; these are two bodies, and each is sorted.
const create = (table, columns, state) => {
  const bodies = [...table.tBodies].map((body) => ({ body, rows: [...body.rows] }));
  const titles = [...table.querySelectorAll("th[data-column]")];
  const sortOf = ({ column, falling }) => {
    const [first, second] = falling === undefined ? [column, `-${column}`] : [`-${column}`, column];
    state.set({ sort: state.get("sort") === first ? second : first });
  };
  for (const title of titles) {
    const button = Object.assign(element("button", "quiet", title.textContent), { type: "button" });
    button.addEventListener("click", () => sortOf(title.dataset));
    title.replaceChildren(button);
  }
  const draw = () => {
    const descending = state.get("sort").startsWith("-");
    const name = state.get("sort").replace("-", "");
    for (const title of titles) {
      if (title.dataset.column === name) title.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else title.removeAttribute("aria-sort");
    }
    let first = 0;
    for (const { body, rows } of bodies) {
      const indices = rows.map((_, i) => first + i);
      rows.forEach((row, i) => (row.hidden = !isShown(at(columns, first + i), state.get("show"))));
      const start = first;
      body.append(...ordered(indices, columns[name] ?? columns.change, descending).map((i) => rows[i - start]));
      first += rows.length;
    }
  };
  return { draw };
};

// Numbers of the heads that are shown.
const shownHeads = (columns, which) =>
  new Set(columns.head.filter((head, i) => head !== null && isShown(at(columns, i), which)));

export const importanceTable = { create, ordered, shownHeads };
