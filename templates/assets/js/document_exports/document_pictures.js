// Pictures of a document's views as files: each view draws itself again on a context that writes SVG.

import { plotCanvas } from "../document/plot_canvas.js";
import { textMarks } from "../document_views/text_marks.js";
import { pictures } from "../exports/pictures.js";
import { svg } from "../exports/svg.js";
import { documentNumbers } from "./document_numbers.js";

// Height in pixels of the number below a token.
const SCORE = 13;
// Width in pixels of the line where a window begins, and length of its dashes.
const [BREAK, DASH] = [2, 4];

// The canvases of a drawing, in order, each with its last content, because fitting a canvas again clears it. Overlays
// for the cursor are left out.
const recorded = (draw) => {
  const contexts = new Map();
  plotCanvas.record((canvas, width, height) => {
    const context = new svg.SvgContext(width, height, plotCanvas.ratio());
    contexts.delete(canvas);
    contexts.set(canvas, context);
    return context;
  });
  try {
    draw();
  } finally {
    plotCanvas.record(null);
  }
  return [...contexts.values()].filter((context) => context.content());
};

// The lines of a text node and the position of each.
const linesOf = (node) => {
  const range = document.createRange();
  const place = (from, to) => {
    range.setStart(node, from);
    range.setEnd(node, to);
    return range.getClientRects();
  };
  const whole = place(0, node.length);
  if (whole.length < 2) return [...whole].map((rect) => ({ text: node.data, ...rect.toJSON() }));
  const lines = [];
  let at = 0;
  for (const letter of node.data) {
    const [rect] = place(at, at + letter.length);
    at += letter.length;
    if (!rect) continue;
    const line = lines.at(-1);
    if (line && rect.top < line.bottom - line.height / 2)
      Object.assign(line, { text: line.text + letter, left: Math.min(line.left, rect.left) });
    else lines.push({ text: letter, ...rect.toJSON() });
  }
  return lines;
};

// The text as the page shows it: background and underlines of every token, its letters, and added names and numbers.
const textPicture = (place, { doc, view, colours }) => {
  const box = place.getBoundingClientRect();
  const context = new svg.SvgContext(box.width, place.scrollHeight, 1);
  const font = getComputedStyle(place);
  const [serif, small] = [`${parseFloat(font.fontSize)}px ${font.fontFamily}`, `11px ${colours.font}`];
  const { strokes } = textMarks.of(
    doc,
    view.pinned.filter(({ underline }) => underline),
    colours,
  );
  const { STROKE } = textMarks;
  const fill = (colour, alpha, { left, top, width, height }) => {
    Object.assign(context, { fillStyle: colour, globalAlpha: alpha });
    if (alpha > 0) context.fillRect(left - box.left, top - box.top + place.scrollTop, width, height);
  };
  const write = (text, colour, letters, left, middle) => {
    Object.assign(context, { fillStyle: colour, globalAlpha: 1, font: letters });
    context.fillText(text, left - box.left, middle - box.top + place.scrollTop);
  };
  const dashes = ({ left, top, height }) => {
    for (let y = 0; y < height; y += 2 * DASH)
      fill(colours.cursor, 1, { left, top: top + y, width: BREAK, height: Math.min(DASH, height - y) });
  };
  context.textBaseline = "middle";
  for (const part of place.childNodes) {
    if (part.className === "window-break") [...part.getClientRects()].forEach(dashes);
    const { token, name, score } = part.dataset ?? {};
    const rects = token ? [...part.getClientRects()] : [];
    for (const { left, top, width, height, bottom } of rects) {
      fill(...pictures.plainColour(getComputedStyle(part).backgroundColor), { left, top, width, height });
      strokes(token)
        .map(({ colour, strength }, n) => [colour, strength, { left, top: bottom, width, height: STROKE * (n + 1) }])
        .reverse()
        .forEach((mark) => fill(...mark));
    }
    const node = part.firstChild ?? part;
    if (node.data?.trim())
      for (const { text, left, top, height } of linesOf(node))
        write(text, part.className === "unread" ? colours.muted : colours.ink, serif, left, top + height / 2);
    if (name && rects.length)
      write(name, colours.muted, small, rects[0].left, (rects[0].top + rects[0].bottom - (score ? SCORE : 0)) / 2);
    if (score && rects.length) write(score, colours.ink, small, rects[0].left, rects[0].bottom - SCORE / 2);
  }
  return [context];
};

const shown = (id) => document.getElementById(id).textContent;
const legend = () => `, colours ${shown("legend-text")}`;

// The titles of the maps of one model, or of two models of which the second is drawn below the first.
const mapTitles = (...ids) =>
  ids
    .map(shown)
    .filter((title) => title)
    .join("; below: ");

// What a picture shows, and the unit of its numbers or colours.
const UNITS = {
  text: () => `, shaded by ${document.getElementById("measure").selectedOptions[0].text}`,
  series: documentNumbers.seriesUnit,
  overview: legend,
  sequence: ({ tint }) =>
    legend() + (tint === "1" ? "; pinned rows in their own colours, stronger with the value" : ""),
  model: () => `: ${mapTitles("map-model-title", "map-model-other-title")}`,
  head: () => `: ${mapTitles("map-title", "map-other-title")}`,
};

const VIEWS = {
  text: (page) => textPicture(document.getElementById("text"), page),
  series: (page) => recorded(() => page.views.series.draw(page.view)),
  overview: (page) => recorded(() => page.views.overview.draw(page.view)),
  sequence: (page) => recorded(() => page.views.sequence.drawAll(page.view)),
  model: (page) => recorded(() => page.views.maps.picture("model")),
  head: (page) => recorded(() => page.views.maps.picture("head")),
};

// One view as an SVG file, with its size in pixels.
const picture = (name, title, page) => {
  const { colours } = page;
  const contexts = VIEWS[name](page);
  page.redraw();
  if (!contexts.length) throw new Error("there is nothing to draw yet: scroll to the view first");
  return pictures.assembled(
    title,
    title + (UNITS[name]?.(page.view) ?? ""),
    colours,
    contexts,
    name === "series" ? 0 : pictures.LINE_GAP,
  );
};

export const documentPictures = { picture };
