// The list of pinned rows beside the grid of heads. The reader can colour, name, mark, hide and remove them here.

import { element } from "../core/element.js";
import { keep } from "../core/keep.js";
import { late } from "../core/late.js";
import { load } from "../core/load.js";

const pinEditor = late("pinEditor");
const reading = late("reading");

const named = (made, ariaLabel) => Object.assign(made, { ariaLabel });

const field = (type, pin, name, set) => {
  const input = Object.assign(document.createElement("input"), { type });
  input.dataset.control = `${pin.key} ${name}`;
  if (type === "checkbox") input.checked = pin[name];
  else input.value = pin[name];
  input.addEventListener("change", () => set({ [name]: type === "checkbox" ? input.checked : input.value }));
  return input;
};

const item = (doc, pin, open, { set, remove, edit }) => {
  const made = element("li", pin.hidden ? "hidden-pin" : "");
  const name =
    pin.row < 0
      ? element("span", "", pin.name)
      : Object.assign(doc.link(pin.row, pin.name), { title: `Head ${doc.name(pin.row)}` });
  const value = element("span", "pin-value");
  const button = (text, label, act) => {
    const pressed = named(Object.assign(element("button", "quiet", text), { type: "button" }), label);
    pressed.dataset.control = `${pin.key} ${text}`;
    pressed.addEventListener("click", act);
    return pressed;
  };
  const more = button("⋯", `Change ${pin.name}`, edit);
  more.setAttribute("aria-expanded", String(open));
  made.append(
    named(field("color", pin, "colour", set), `Colour of ${pin.name}`),
    name,
    value,
    more,
    button("×", `Unpin ${pin.name}`, remove),
  );
  if (open) made.append(pinEditor()(pin, (type, part) => field(type, pin, part, set)));
  return made;
};

// Calls `change` with the new list of pins.
const create = (place, doc, change) => {
  let opened = null;
  let view = null;
  let made = new Map();
  let at = -1;
  // The module that formats the numbers loads later.
  const cursor = ({ token }) => {
    at = token;
    reading()?.fill(place.getElementsByClassName("pin-value"), view.pinned, doc, at);
  };
  const edit = (key) => async () => {
    await load("assets/document_views.js");
    opened = opened === key ? null : key;
    draw(view);
    cursor({ token: at });
  };
  const acts = (key) => ({
    set: (changes) => change(view.pinned.map(({ raw }) => (raw.key === key ? { ...raw, ...changes } : raw))),
    remove: () => change(view.pinned.map(({ raw }) => raw).filter((pin) => pin.key !== key)),
    edit: edit(key),
  });
  const draw = (next) => {
    view = next;
    const focused = document.activeElement?.dataset.control;
    made = new Map(
      view.pinned.map((pin) => {
        const now = JSON.stringify([pin, pin.key === opened]);
        return [now, made.get(now) ?? item(doc, pin, pin.key === opened, acts(pin.key))];
      }),
    );
    keep(place, [...made.values()]);
    if (focused && !document.activeElement.dataset.control)
      [...place.querySelectorAll("[data-control]")].find(({ dataset }) => dataset.control === focused)?.focus();
  };
  return { draw, cursor };
};

export const pinList = { create };
