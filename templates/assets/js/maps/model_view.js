// The model view: a small picture of the matrix of every head. A click opens the head.

import { diverging } from "../diverging/diverging.js";
import { palette } from "../core/palette.js";
import { headButtons } from "../document/head_buttons.js";
import { plotCanvas } from "../document/plot_canvas.js";
import { gridKeys } from "../document_views/grid_keys.js";

const LEFT = 30;
const TOP = 18;
const GAP = 3;
const LARGEST = 56;
const MOST = 0.5;

// The colour of every cell: blank up to even attention, darkest from half of a query's attention; of differences, blank
// at 0 and darkest from half of it.
const colouring = (map, colours) => {
  if (map.isDifference) {
    const [packed, place] = [diverging.packed(colours), diverging.placer(MOST)];
    return (i) => packed[place(map.thumbnail(i))];
  }
  const place = palette.placer(1 / map.cells, MOST);
  const colourOf = Uint32Array.from(map.values, (value) => colours.packed[place(value)]);
  return (i) => colourOf[map.thumbnails[i]];
};

// All pictures side by side, one pixel per cell.
const paint = (map, doc, colours) => {
  const { cells } = map;
  const colourOf = colouring(map, colours);
  const image = new ImageData(cells * doc.heads, cells * doc.layers);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < map.rows * cells * cells; i++) {
    const [row, query, key] = [Math.floor(i / (cells * cells)), Math.floor(i / cells) % cells, i % cells];
    const x = (row % doc.heads) * cells + key;
    pixels[(Math.floor(row / doc.heads) * cells + query) * cells * doc.heads + x] = colourOf(i);
  }
  const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
};

export const modelView = {
  create: (place, doc, cursor, choose, label = "Open a head") => {
    const canvas = document.createElement("canvas");
    const { grid, rowOf, press, mark } = headButtons(doc, label);
    gridKeys(grid, doc);
    grid.addEventListener("click", (event) => {
      if (rowOf(event) >= 0) choose(rowOf(event));
    });
    grid.addEventListener("pointerover", (event) => {
      if (rowOf(event) >= 0) cursor.hover(cursor.get().token, rowOf(event));
    });
    grid.addEventListener("pointerleave", () => cursor.hover(-1));
    grid.style.inset = `${TOP}px 0 auto ${LEFT}px`;

    let painted = null;
    const paintedOf = (map, colours) => {
      if (painted?.map !== map || painted.dark !== colours.dark)
        painted = { map, dark: colours.dark, canvas: paint(map, doc, colours) };
      return painted.canvas;
    };

    const draw = ({ pictures: map, colours, heads }) => {
      if (canvas.parentNode !== place) place.replaceChildren(canvas, grid);
      const step = Math.min(LARGEST + GAP, (place.clientWidth - LEFT) / doc.heads);
      const [width, height] = [LEFT + step * doc.heads, TOP + step * doc.layers];
      const context = plotCanvas.fit(canvas, width, height);
      Object.assign(grid.style, { width: `${step * doc.heads}px`, height: `${step * doc.layers}px` });
      context.font = `11px ${colours.font}`;
      context.fillStyle = colours.muted;
      context.textBaseline = "middle";
      context.imageSmoothingEnabled = map.cells > step;
      context.textAlign = "center";
      for (let head = 0; head < doc.heads; head++) context.fillText(`H${head}`, LEFT + (head + 0.5) * step, TOP / 2);
      context.textAlign = "right";
      const picture = paintedOf(map, colours);
      for (let row = 0; row < doc.rows; row++) {
        const [layer, head] = [Math.floor(row / doc.heads), row % doc.heads];
        if (!head) context.fillText(`L${layer}`, LEFT - 8, TOP + (layer + 0.5) * step);
        context.drawImage(
          picture,
          head * map.cells,
          layer * map.cells,
          map.cells,
          map.cells,
          LEFT + head * step + GAP / 2,
          TOP + layer * step + GAP / 2,
          step - GAP,
          step - GAP,
        );
      }
      press(heads);
    };

    return { draw, cursor: ({ row }) => mark(row) };
  },
};
