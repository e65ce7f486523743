// Pinned rows (heads or aggregates) with their colour, name and marks in the text. The address holds all of it.

import { palette } from "../core/palette.js";
import { attention } from "./attention.js";

const { PINS } = palette;
const MOST = PINS.length;
const FLAGS = { u: "underline", b: "highlight", x: "hidden" };
const COLOUR = /^[0-9a-f]{6}$/;

// Names may contain the characters that separate pins and their parts.
const escaped = (name) => encodeURIComponent(name).replaceAll("~", "%7E");
const unescaped = (text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
};

// "5.7~0072b2~ub~My%20name": key, colour, flags, name. An omitted part has its default.
const parsePin = (doc, text) => {
  const [key, colour = "", flags = "", name = ""] = text.split("~");
  const pin = {
    key,
    row: attention.rowOf(doc, key),
    colour: COLOUR.test(colour) ? `#${colour}` : "",
    name: unescaped(name).slice(0, 40),
  };
  for (const [flag, field] of Object.entries(FLAGS)) pin[field] = flags.includes(flag);
  return pin.row >= 0 || doc.aggregates[key] ? pin : null;
};

// The first `most` pins of an address. A pin without a colour gets the colour of its position in the list.
const parse = (doc, text, most = MOST) => {
  const pins = (text === undefined ? doc.varied.map((row) => attention.keyOf(doc, row)) : text.split(","))
    .map((part) => parsePin(doc, part))
    .filter(Boolean);
  return pins
    .filter((pin, i) => pins.findIndex(({ key }) => key === pin.key) === i)
    .slice(0, most)
    .map((pin, i) => ({ ...pin, colour: pin.colour || PINS[i] }));
};

const written = ({ key, colour, name, ...marks }, i) => {
  const flags = Object.keys(FLAGS)
    .filter((flag) => marks[FLAGS[flag]])
    .join("");
  return [key, colour === PINS[i] ? "" : colour.replace("#", ""), flags, escaped(name)].join("~").replace(/~+$/, "");
};
const write = (pins) => pins.map(written).join(",");

// Unpins a pinned row, or pins a row in the first free colour. If the list is full, the oldest pin is removed.
const toggled = (doc, pins, key) => {
  const pin = parsePin(doc, key);
  const others = pins.filter((other) => other.key !== key);
  if (others.length < pins.length || !pin) return others;
  const kept = others.slice(1 - MOST);
  return [...kept, { ...pin, colour: PINS.find((colour) => kept.every((other) => other.colour !== colour)) }];
};

// Pins as views draw them: with the name that the reader gave, or else the row's own name.
const shown = (doc, pins) =>
  pins.map((pin) => ({
    ...pin,
    raw: pin,
    name: pin.name || (pin.row >= 0 ? doc.name(pin.row) : attention.rowName(pin.key)),
  }));

export const pinnedRows = { FLAGS, parse, write, toggled, shown };
