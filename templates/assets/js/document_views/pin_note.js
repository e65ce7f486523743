// Names the rows for which the list of pins has no room, and offers to restore the one that a new pin replaced.

import { element } from "../core/element.js";
import { pinnedRows } from "../document/pinned_rows.js";

const without = (pins, others) => pins.filter(({ key }) => others.every((other) => other.key !== key));

// `now` lists all requested pins; the first of them are shown.
const leftOut = (before, now, shown) => {
  const gone = without(before, now);
  if (now.length > shown.length) return now.slice(shown.length);
  return before.length === now.length && gone.length === 1 && without(now, before).length === 1 ? gone : [];
};

const back = (restore) => {
  const button = Object.assign(element("button", "small", "Undo"), { type: "button" });
  button.addEventListener("click", restore);
  return button;
};

const create = (chooser, { doc, state }) => {
  const place = Object.assign(element("p", "note pin-note"), { role: "status" });
  chooser.before(place);
  let [before, address] = [null, null];
  const undo = (last) => () => {
    before = null;
    state.set({ h: last });
  };
  const say = ({ pinned }) => {
    const now = pinnedRows.parse(doc, state.get("h"), Infinity);
    const missing = leftOut(before ?? now, now, pinned);
    const names = pinnedRows
      .shown(doc, missing)
      .map(({ name }) => name)
      .join(", ");
    place.replaceChildren(
      ...(missing.length
        ? [`At most ${pinned.length} rows are pinned; left out: ${names}. `, ...(before ? [back(undo(address))] : [])]
        : []),
    );
    [before, address] = [now, state.get("h")];
  };
  return {
    draw: (view) => {
      if (!before || address !== state.get("h")) say(view);
    },
  };
};

export const pinNote = { leftOut, create };
