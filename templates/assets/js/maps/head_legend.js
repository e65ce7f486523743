// One button per head of a layer: a click shows or hides the head, a double click shows it alone, or all heads again.

import { element } from "../core/element.js";

// The hidden heads in the address: "0,3"; undefined if there are none. At least one head is shown.
const parse = (text, n) => {
  const off = new Set((text ? text.split(",") : []).map(Number).filter((head) => head >= 0 && head < n));
  return off.size < n ? off : new Set();
};
const written = (off) => (off.size ? [...off].sort((a, b) => a - b).join(",") : undefined);

const toggled = (off, head, n) => {
  const next = new Set(off);
  if (!next.delete(head)) next.add(head);
  return next.size < n ? next : off;
};
const alone = (off, head, n) => {
  const others = Array.from({ length: n }, (_, i) => i).filter((one) => one !== head);
  const isAlone = off.size === others.length && !off.has(head);
  return new Set(isAlone ? [] : others);
};

// `change` gets the hidden heads as they are written in the address.
const create = (place, n, change) => {
  let off = new Set();
  place.setAttribute("role", "group");
  const buttons = Array.from({ length: n }, (_, head) => {
    const made = Object.assign(element("button", "small"), { type: "button" });
    made.append(element("i", "pin-key"), `H${head}`);
    made.addEventListener("click", ({ shiftKey }) =>
      change(written(shiftKey ? alone(off, head, n) : toggled(off, head, n))),
    );
    // Its two clicks have undone each other.
    made.addEventListener("dblclick", ({ shiftKey }) => {
      if (!shiftKey) change(written(alone(off, head, n)));
    });
    return made;
  });
  place.replaceChildren(...buttons);
  return {
    draw: (layer, colours, hidden) => {
      off = hidden;
      place.ariaLabel = `Heads of layer ${layer}`;
      buttons.forEach((button, head) => {
        button.setAttribute("aria-pressed", String(!off.has(head)));
        button.firstChild.style.backgroundColor = colours[head];
      });
    },
  };
};

export const headLegend = { parse, written, toggled, alone, create };
