// Combines drawings to one picture, as SVG or PNG.

import { svg } from "./svg.js";

const LINE_GAP = 14;
const TITLE = 26;

const stacked = (contexts, gap) => {
  let y = TITLE;
  return contexts.map((context) => {
    const part = { x: 0, y, context };
    y += context.height + gap;
    return part;
  });
};

const titled = (title, colours) => {
  const font = `600 13px ${colours.font}`;
  const context = new svg.SvgContext(svg.ruler(font, title) + 8, TITLE, 1);
  Object.assign(context, { font, fillStyle: colours.ink, textBaseline: "middle" });
  context.fillText(title, 4, TITLE / 2);
  return { x: 0, y: 0, context };
};

// Drawings one below the other under a title, as one file.
const assembled = (title, words, colours, contexts, gap = LINE_GAP) =>
  svg.file(title, colours.paper, [titled(words, colours), ...stacked(contexts, gap)]);

// A colour as "rgb(…)" and its opacity, also from "color(srgb …)", which not every SVG program knows.
const plainColour = (text) => {
  const numbers = text.match(/[\d.]+(e-\d+)?/g)?.map(Number) ?? [0, 0, 0, 0];
  const [r, g, b] = text.startsWith("color(") ? numbers.map((n) => Math.round(255 * n)) : numbers;
  return [`rgb(${r}, ${g}, ${b})`, numbers[3] ?? 1];
};

// The picture as a PNG of twice the size.
const rasterised = async ({ text, width, height }) => {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: 2 * width, height: 2 * height });
  canvas.getContext("2d").drawImage(image, 0, 0, 2 * width, 2 * height);
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error("the picture is too large for this browser"))),
      "image/png",
    );
  });
};

export const pictures = { LINE_GAP, assembled, plainColour, rasterised };
