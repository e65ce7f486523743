// Every head's value at every token as a gray dot; short strokes mark the extremes, a line the chosen aggregate.

import { clip } from "../core/clip.js";
import { element } from "../core/element.js";
import { fitCanvas } from "../core/fit_canvas.js";
import { late } from "../core/late.js";
import { attention } from "./attention.js";
import { normalise } from "./normalise.js";
import { numberAxis } from "./number_axis.js";
import { plotCanvas } from "./plot_canvas.js";

const spread = late("spread");

const LABELLED = 13;

// Dots are collected as pixels and painted in one call: 70,000 rectangles would take a hundred times as long.
const paintDots = (plot, doc, table, y, height, colour) => {
  const ratio = plotCanvas.ratio();
  const [width, rows] = [Math.round(plot.width * ratio), Math.round(height * ratio)];
  const size = Math.round(ratio * (doc.rows * doc.tokens < 4000 ? 2.6 : plot.step > 6 ? 1.6 : 1));
  const scatter = plot.step > 2 ? plot.step * 0.62 : 0;
  const pixelY = (value) => Math.max(0, Math.min(rows - size, Math.round(y(value) * ratio - size / 2)));
  const image = plot.base.createImageData(width, rows);
  const pixels = new Uint32Array(image.data.buffer);
  // Colour of one dot, what each further dot adds, and the limit.
  const [first, more, most] = [(112 << 24) | colour, 42 << 24, (230 << 24) | colour].map((packed) => packed >>> 0);
  const left = Float64Array.from({ length: doc.tokens }, (_, token) => plot.x(token) * ratio - size / 2);
  const { codes, tokens } = doc;
  for (let row = 0, last = null, tops = null; row < doc.rows; row++) {
    const numbers = table(row);
    if (numbers !== last) tops = Int32Array.from(numbers, pixelY);
    last = numbers;
    const shift = doc.rows > 1 ? (row / (doc.rows - 1) - 0.5) * scatter * ratio : 0;
    for (let token = plot.first; token < plot.last; token++) {
      const corner = tops[codes[row * tokens + token]] * width + Math.round(left[token] + shift);
      for (let dy = 0; dy < size; dy++) {
        for (let at = corner + dy * width; at < corner + dy * width + size; at++)
          pixels[at] = pixels[at] ? Math.min(pixels[at] + more, most) : first;
      }
    }
  }
  plot.base.putImageData(image, 0, Math.round(plot.top * ratio));
};

const axes = (plot, axis, colours, height, absolute) => {
  const { base, left, top } = plot;
  base.font = `11px ${colours.font}`;
  base.textAlign = "right";
  base.textBaseline = "middle";
  base.lineWidth = 1;
  for (const tick of axis.ticks) {
    base.strokeStyle = colours.line;
    base.beginPath();
    base.moveTo(left, Math.round(top + tick.y) + 0.5);
    base.lineTo(plot.width - plot.right, Math.round(top + tick.y) + 0.5);
    base.stroke();
    base.fillStyle = colours.muted;
    base.fillText(tick.label, left - 8, top + tick.y);
  }
  if (axis.below === null) return;
  // After normalising, values below 1e-6 become a different multiple in every head.
  base.fillText(absolute ? "< 1e−6" : "near 0", left - 8, top + height - 7);
  base.fillStyle = colours.line;
  base.globalAlpha = 0.45;
  base.fillRect(left, top + axis.below, plot.width - left - plot.right, height - axis.below);
  base.globalAlpha = 1;
};

const tokenAxis = (plot, doc, colours, y) => {
  const { base } = plot;
  base.fillStyle = colours.muted;
  if (plot.step >= LABELLED) {
    base.textAlign = "right";
    for (let token = plot.first; token < plot.last; token++) {
      base.save();
      base.translate(plot.x(token) + 3, y + 8);
      base.rotate(-Math.PI / 4);
      base.fillText(clip(doc.word(token), 11), 0, 0);
      base.restore();
    }
    return;
  }
  base.textAlign = "center";
  const every = [10, 20, 50, 100, 200, 500, 1000, 5000].find((n) => n * plot.step > 44) ?? 20000;
  for (let token = Math.ceil(plot.first / every) * every; token < plot.last; token += every)
    base.fillText(String(token), plot.x(token), y + 12);
  base.textAlign = "right";
  base.fillText("token", plot.width - plot.right, y + 28);
};

// The line is drawn in parts, because the time to stroke a path grows faster than its length.
const PART = 64;
const line = (front, plot, doc, numbers, y, colour, width) => {
  Object.assign(front, { strokeStyle: colour, lineWidth: width, lineJoin: "round" });
  const at = (token) => [plot.x(token), plot.top + y(numbers[token])];
  for (let begin = plot.first; begin < plot.last; begin += PART) {
    front.beginPath();
    front.moveTo(...at(begin));
    for (let token = begin + 1; token <= Math.min(begin + PART, plot.last - 1); token++)
      front[doc.windows.includes(token) ? "moveTo" : "lineTo"](...at(token));
    front.stroke();
  }
};

// Extremes are short strokes as wide as the token. Together with the dots between them they show a range.
const strokes = (plot, numbers, y, colour) => {
  const { base, top } = plot;
  const width = Math.max(1.5, Math.min(14, plot.step * 0.62));
  base.fillStyle = colour;
  for (let token = plot.first; token < plot.last; token++)
    base.fillRect(plot.x(token) - width / 2, Math.round(top + y(numbers[token])) - 0.5, width, 1.5);
};

// Where tokens are close together, discs are drawn as squares: they look the same and save a third of the drawing time.
const discs = (front, plot, numbers, y, colour) => {
  const r = Math.min(3, plot.step / 4);
  front.fillStyle = colour;
  for (let token = plot.first; token < plot.last; token++) {
    const [cx, cy] = [plot.x(token), plot.top + y(numbers[token])];
    if (r < 1.5) front.fillRect(Math.round(cx - 1.25), Math.round(cy - 1.25), 2.5, 2.5);
    else {
      front.beginPath();
      front.arc(cx, cy, r, 0, 7);
      front.fill();
    }
  }
};

const headNumbers = (doc, norm, row) =>
  row >= 0 && Float64Array.from({ length: doc.tokens }, (_, token) => norm.number(row, token));

const aggregates = (doc, { normed, norm }) => (normed ? spread().of(doc, norm) : doc.aggregates);

export const series = {
  aggregates,
  create: (place, doc) => {
    const plot = plotCanvas.plot(place, {
      label: "Self-attention of every head at every token; arrow keys move from token to token",
      left: 60,
      right: 10,
      height: 300,
    });
    plot.top = 8;
    const changes = element("canvas", "layer");
    place.firstChild.after(changes);
    const plain = normalise(doc, "value", doc.range);
    let axis = null;
    let drawn = null;
    let below = [];
    const drawGround = (own, { max, min }, height, { colours }) => {
      paintDots(plot, doc, own.table, axis.y, height, colours.dark ? 0xaea59c : 0x8a8078);
      plot.base.globalCompositeOperation = "destination-over";
      axes(plot, axis, colours, height, own.name === "value");
      plot.base.globalCompositeOperation = "source-over";
      plotCanvas.windows(plot, doc, colours, height + plot.top);
      tokenAxis(plot, doc, colours, plot.top + height);
      for (const numbers of [max, min]) strokes(plot, numbers, axis.y, colours.accent);
    };
    return {
      plot,
      axis: () => axis,
      draw: (view) => {
        const { line: measure, pins, colours, span, norm, scale } = view;
        const own = view.normed ? norm : plain;
        const shown = aggregates(doc, view);
        const numbers = shown[measure] ?? headNumbers(doc, own, attention.rowOf(doc, measure));
        // Pins and the line change more often than dots, axes and extremes, so they have a canvas of their own.
        const needed = plotCanvas.recording() ? [] : [own, colours, scale, ...span];
        if (plotCanvas.changed(below, needed)) {
          plot.resize(span, view.width);
          const height = plot.height - (plot.step >= LABELLED ? 66 : 42);
          axis = numberAxis.of(own, scale, shown, height, doc.special);
          drawGround(own, shown, height, view);
          drawn = { colours, height };
        }
        below = needed;
        const front = plotCanvas.recording() ? plot.base : fitCanvas(changes, plot.width, plot.height);
        pins.forEach(({ row, colour }) => discs(front, plot, headNumbers(doc, own, row), axis.y, colour));
        if (numbers) line(front, plot, doc, numbers, axis.y, colours.ink, 1.75);
        Object.assign(drawn, { numbers, measure });
      },
      cursor: ({ token }) => {
        if (!drawn || !plot.moves(token, drawn.measure, drawn.numbers?.[token])) return;
        const overlay = plot.overlay(plot.shows(token));
        if (!overlay) return;
        const x = plot.x(token);
        overlay.fillStyle = drawn.colours.cursor;
        overlay.globalAlpha = 0.25;
        overlay.fillRect(x - Math.max(1, plot.step / 2), plot.top, Math.max(2, plot.step), drawn.height);
        overlay.globalAlpha = 1;
        if (!drawn.numbers) return;
        overlay.beginPath();
        overlay.arc(x, plot.top + axis.y(drawn.numbers[token]), 4.5, 0, 7);
        overlay.fillStyle = drawn.colours.cursor;
        overlay.strokeStyle = drawn.colours.ink;
        overlay.lineWidth = 1.5;
        overlay.fill();
        overlay.stroke();
      },
    };
  },
};
