// Mean attention maps: one picture per head, queries down, keys across, both from the beginning of a text to its end.

import { element } from "../core/element.js";
import { formats } from "../core/formats.js";
import { headName } from "../core/head_name.js";
import { pages } from "../core/pages.js";
import { palette } from "../core/palette.js";
import { redraw } from "../core/redraw.js";

// The share of attention of each cell, [query, key], from its code.
const decode = ({ lo, hi, cells }, codes) => {
  const step = Math.log(hi / lo) / 254;
  const binary = atob(codes);
  const values = Float64Array.from(binary, (letter) =>
    letter.charCodeAt(0) ? lo * Math.exp((letter.charCodeAt(0) - 1) * step) : 0,
  );
  if (values.length !== cells * cells) throw new Error("a mean map is incomplete");
  return values;
};

// Blank up to even attention, darkest from half of a query's attention, as in the maps of documents.
const paint = (canvas, cells, values, { packed }) => {
  const place = palette.placer(1 / cells, 0.5);
  Object.assign(canvas, { width: cells, height: cells });
  const image = new ImageData(cells, cells);
  new Uint32Array(image.data.buffer).set(values.map((value) => packed[place(value)]));
  canvas.getContext("2d").putImageData(image, 0, 0);
};

const percent = (first, cells) =>
  `${Math.round((100 * first) / cells)} to ${Math.round((100 * (first + 1)) / cells)} %`;

const reading = (values, cells, query, key) =>
  `Queries at ${percent(query, cells)} of a text give ${formats.percent(values[query * cells + key])} ` +
  `of their attention to keys at ${percent(key, cells)}.`;

const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

// The map on a head's page, with a description of the cell under the cursor.
const one = (figure) => {
  const part = JSON.parse(figure.dataset.map);
  const { cells } = part;
  const values = decode(part, part.codes);
  const canvas = element("canvas");
  const caption = figure.querySelector(".map-at");
  let at = [0, 0];
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "img");
  canvas.setAttribute(
    "aria-label",
    "Mean map of this head; the arrow keys read it cell by cell, the table below has its quarters",
  );
  const describe = () => {
    caption.textContent = reading(values, cells, ...at);
  };
  // On a touch screen, touching is pointing.
  for (const kind of ["pointermove", "pointerdown"])
    canvas.addEventListener(kind, (event) => {
      const box = canvas.getBoundingClientRect();
      at = [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width].map((share) =>
        Math.min(cells - 1, Math.max(0, Math.floor(share * cells))),
      );
      describe();
    });
  canvas.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    at = at.map((cell, axis) => Math.min(cells - 1, Math.max(0, cell + step[axis])));
    describe();
  });
  figure.prepend(canvas);
  const draw = () => paint(canvas, cells, values, palette.current());
  redraw.on(draw);
  draw();
};

// The maps of all heads, in the order of the grid above; each links to its head.
const all = (place, { cells, codes, ...code }, { heads, vectors }) => {
  const pictures = codes.map((text) => decode({ cells, ...code }, text));
  const table = element("table", "head-table pictures");
  const titles = table.createTHead().insertRow();
  titles.append(
    element("td"),
    ...Array.from({ length: heads }, (_, head) =>
      Object.assign(element("th", "", `${vectors ? "V" : "H"}${head}`), { scope: "col" }),
    ),
  );
  const body = table.createTBody();
  const canvases = pictures.map((_, row) => {
    const line = row % heads ? body.rows[body.rows.length - 1] : body.insertRow();
    if (!(row % heads))
      line.append(Object.assign(element("th", "", vectors ? "" : `L${row / heads}`), { scope: "row" }));
    const link = Object.assign(element("a"), {
      href: `heads/L${String(Math.floor(row / heads)).padStart(2, "0")}-H${String(row % heads).padStart(2, "0")}.html`,
      title: headName(row, heads, vectors),
    });
    link.setAttribute("aria-label", `${link.title}, mean map`);
    link.append(element("canvas"));
    line.insertCell().append(link);
    return link.firstChild;
  });
  place.append(table);
  const draw = () => {
    const colours = palette.current();
    canvases.forEach((canvas, row) => paint(canvas, cells, pictures[row], colours));
  };
  redraw.on(draw);
  draw();
};

export const meanMaps = { decode, reading, all };
pages.add("head", () => document.querySelectorAll(".mean-map").forEach(one));
