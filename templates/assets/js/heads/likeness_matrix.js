// How similar every two heads are, with heads ordered by group.

import { element } from "../core/element.js";
import { fitCanvas } from "../core/fit_canvas.js";
import { headName } from "../core/head_name.js";
import { palette } from "../core/palette.js";
import { redraw } from "../core/redraw.js";

const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
const LARGEST_SIDE = 560;

// Reads the matrix: the value of two heads, whether it is beyond chance, and its place on the ramp (255: most similar).
const read = ({ order, cluster, falling, range, steps, values, beyond }) => {
  const n = order.length;
  const [low, high] = range;
  // Pairs are listed row by row, the first head before the second.
  const at = (a, b) => (a < b ? a * n - (a * (a + 1)) / 2 + b - a - 1 : at(b, a));
  return {
    n,
    order,
    value: (a, b) => values[at(a, b)] / steps,
    beyond: (a, b) => beyond[at(a, b)] === "1",
    place: (value) => {
      const share = Math.min(1, Math.max(0, (value - low) / (high - low || 1)));
      return Math.round(255 * (falling ? share : 1 - share));
    },
    // Positions where a new group begins.
    breaks: order.map((row, i) => (i && cluster[row] !== cluster[order[i - 1]] ? i : 0)).filter(Boolean),
  };
};

const page = (row, heads) =>
  `heads/L${String(Math.floor(row / heads)).padStart(2, "0")}-H${String(row % heads).padStart(2, "0")}.html`;

const create = (place, part, { heads, vectors }) => {
  const matrix = read(part);
  const holder = place.querySelector(".likeness-matrix");
  const caption = place.querySelector(".likeness-at");
  const [base, overlay] = [element("canvas"), element("canvas", "layer")];
  const name = (row) => headName(row, heads, vectors);
  base.tabIndex = 0;
  base.setAttribute("role", "img");
  base.setAttribute(
    "aria-label",
    `Similarity of ${matrix.n} heads; the arrow keys move from cell to cell, ` +
      "the table below lists the most similar pairs",
  );
  holder.append(base, overlay);
  let kept = false;
  let at = null;

  const cell = () => base.clientWidth / matrix.n;
  const paint = (context, side) => {
    const { css, line, ink } = palette.current();
    const size = side / matrix.n;
    context.fillStyle = line;
    context.fillRect(0, 0, side, side);
    for (let i = 0; i < matrix.n; i++) {
      for (let j = 0; j < matrix.n; j++) {
        if (i === j) continue;
        const [a, b] = [matrix.order[i], matrix.order[j]];
        context.globalAlpha = matrix.beyond(a, b) ? 1 : 0.45;
        context.fillStyle = css[matrix.place(matrix.value(a, b))];
        context.fillRect(j * size, i * size, size + 0.5, size + 0.5);
      }
    }
    context.globalAlpha = 1;
    context.fillStyle = ink;
    for (const edge of matrix.breaks) {
      context.fillRect(edge * size - 0.5, 0, 1, side);
      context.fillRect(0, edge * size - 0.5, side, 1);
    }
  };
  const draw = () => {
    const side = Math.min(LARGEST_SIDE, holder.clientWidth);
    paint(fitCanvas(base, side, side), side);
    mark();
  };
  const mark = () => {
    if (!at) return;
    const context = fitCanvas(overlay, base.clientWidth, base.clientWidth);
    context.clearRect(0, 0, base.clientWidth, base.clientWidth);
    context.strokeStyle = palette.current().cursor;
    context.lineWidth = 2;
    const size = cell();
    context.strokeRect(at[1] * size, at[0] * size, Math.max(size, 3), Math.max(size, 3));
  };
  const headLink = (row) => Object.assign(element("a", "head-name", name(row)), { href: page(row, heads) });
  const key = (row) => `${Math.floor(row / heads)}.${row % heads}`;
  const besides = (a, b) =>
    Object.assign(element("a", "", "side by side"), { href: `compare.html#a=${key(a)}&b=${key(b)}&kind=heads` });
  const describe = () => {
    const [a, b] = at.map((i) => matrix.order[i]);
    const beyond = matrix.beyond(a, b) ? "more similar than chance" : "not more similar than chance";
    const said = a === b ? " itself" : `: ${matrix.value(a, b).toFixed(3)}, ${beyond}`;
    caption.replaceChildren(
      headLink(a),
      ...(a === b ? [] : [" and ", headLink(b)]),
      said,
      ...(a === b ? [] : [" · ", besides(a, b)]),
    );
    mark();
  };
  const cellAt = (event) => {
    const box = base.getBoundingClientRect();
    return [event.clientY - box.top, event.clientX - box.left].map((length) =>
      Math.min(matrix.n - 1, Math.max(0, Math.floor(length / cell()))),
    );
  };
  base.addEventListener("pointermove", (event) => {
    if (!kept) {
      at = cellAt(event);
      describe();
    }
  });
  base.addEventListener("click", (event) => {
    const next = cellAt(event);
    kept = !(kept && String(next) === String(at));
    at = next;
    describe();
  });
  base.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (event.key === "Enter") caption.querySelector("a")?.focus();
    if (!step) return;
    event.preventDefault();
    kept = true;
    at = (at ?? [0, 0]).map((i, axis) => Math.min(matrix.n - 1, Math.max(0, i + step[axis])));
    describe();
  });
  redraw.on(draw);
  draw();
  return { matrix, name, paint, side: () => base.clientWidth };
};

export const likenessMatrix = { read, create };
