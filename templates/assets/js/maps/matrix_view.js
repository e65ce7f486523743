// One head's matrix: queries down, keys across. Keys that are not among the strongest of a query stay blank.

import { clip } from "../core/clip.js";
import { diverging } from "../diverging/diverging.js";
import { palette } from "../core/palette.js";
import { plotCanvas } from "../document/plot_canvas.js";
import { matrix } from "./matrix.js";

const LABELLED = 10;
const FAINTEST = 0.01;
const MOST = 0.5;

// Colours, the function from a value to its place among them, and the colour of what is not known.
const scaleOf = (map, colours) => {
  if (!map.isDifference) {
    const place = palette.placer(Math.min(FAINTEST, 1 / map.tokens), 1);
    return [colours.packed, place, colours.packed[0]];
  }
  const [packed, place] = [diverging.packed(colours), diverging.placer(MOST)];
  return [packed, place, packed[place(0)]];
};

const picture = (map, head, colours, allows) => {
  const { tokens } = map;
  const image = new ImageData(tokens, tokens);
  const [packed, place, blank] = scaleOf(map, colours);
  const pixels = new Uint32Array(image.data.buffer).fill(blank);
  for (let query = 0; query < tokens; query++) {
    for (const [key, value] of matrix.row(map, head, query, allows))
      pixels[query * tokens + key] = packed[place(value)];
  }
  const canvas = Object.assign(document.createElement("canvas"), { width: tokens, height: tokens });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
};

export const matrixView = {
  create: (place, pointer) => {
    const [base, overlay] = [document.createElement("canvas"), document.createElement("canvas")];
    base.className = overlay.className = "layer";
    place.replaceChildren(base, overlay);
    let scene = null;
    let margin = 0;
    let step = 0;

    const labels = (context) => {
      const { tokens, colours } = scene;
      context.font = `11px ${colours.font}`;
      context.textBaseline = "middle";
      const every = step >= LABELLED ? 1 : ([10, 20, 50, 100].find((n) => n * step > 24) ?? 200);
      for (let index = 0; index < tokens.length; index += every) {
        const name = step >= LABELLED ? clip(tokens.word(index), 11) : String(index);
        context.fillStyle = step < LABELLED || tokens.special(index) ? colours.muted : colours.ink;
        context.textAlign = "right";
        context.fillText(name, margin - 5, margin + (index + 0.5) * step);
        context.save();
        context.translate(margin + (index + 0.5) * step, margin - 5);
        if (step >= LABELLED) context.rotate(-Math.PI / 2);
        context.textAlign = step >= LABELLED ? "left" : "center";
        context.fillText(name, 0, step >= LABELLED ? 0 : -4);
        context.restore();
      }
    };

    const draw = (next) => {
      scene = next;
      place.setAttribute("role", "img");
      place.tabIndex = 0;
      place.setAttribute(
        "aria-label",
        `Matrix of one head${scene.of}, queries down and keys across; arrow keys move over it`,
      );
      const width = Math.min(place.clientWidth, 620);
      margin = (width - 84) / scene.map.tokens >= LABELLED ? 84 : 30;
      step = Math.min(22, (width - margin) / scene.map.tokens);
      const size = margin + step * scene.map.tokens;
      place.style.height = `${Math.ceil(size)}px`;
      const context = plotCanvas.fit(base, size, size);
      plotCanvas.fit(overlay, size, size);
      context.imageSmoothingEnabled = step < 1;
      context.drawImage(
        picture(scene.map, scene.heads[0].row, scene.colours, scene.allows),
        margin,
        margin,
        size - margin,
        size - margin,
      );
      labels(context);
    };

    const hit = (event) => {
      const [key, query] = [event.offsetX, event.offsetY].map((at) => Math.floor((at - margin) / step));
      const inside = (index) => index >= 0 && index < scene.map.tokens;
      return inside(query) && inside(key)
        ? { token: query, side: "query", other: key }
        : inside(key)
          ? { token: key, side: "key" }
          : { token: inside(query) ? query : -1, side: "query" };
    };
    place.addEventListener("pointermove", (event) => {
      if (scene) pointer.point(hit(event));
    });
    place.addEventListener("click", (event) => {
      if (scene && hit(event).token >= 0) pointer.hold(hit(event));
    });

    return {
      draw,
      focus: (focus) => {
        if (!scene) return;
        const context = overlay.getContext("2d");
        const size = margin + step * scene.map.tokens;
        context.clearRect(0, 0, size, size);
        if (!focus) return;
        context.strokeStyle = scene.colours.cursor;
        context.lineWidth = 1.5;
        const at = (index) => margin + index * step;
        if (focus.side === "query") context.strokeRect(margin, at(focus.token), size - margin - 1, Math.max(2, step));
        if (focus.side === "key") context.strokeRect(at(focus.token), margin, Math.max(2, step), size - margin - 1);
        if (focus.other !== undefined)
          context.strokeRect(at(focus.other), at(focus.token), Math.max(3, step), Math.max(3, step));
      },
    };
  },
};
