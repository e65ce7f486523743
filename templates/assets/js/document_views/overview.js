// The heat map: a row per head, grouped by layer, and a column per token.

import { attention } from "../document/attention.js";
import { plotCanvas } from "../document/plot_canvas.js";
import { pageData } from "../early/page_data.js";
import { brush } from "./brush.js";

const LEFT = 60;
const RIGHT = 10;
const GAP = 2;

// One pixel per value; the browser enlarges it.
const paint = (doc, { colours, norm }) => {
  const image = new ImageData(doc.tokens, doc.rows);
  const pixels = new Uint32Array(image.data.buffer);
  for (let row = 0; row < doc.rows; row++) {
    const colourOf = Uint32Array.from(norm.places(row), (place) => colours.packed[place]);
    for (let i = row * doc.tokens; i < (row + 1) * doc.tokens; i++) pixels[i] = colourOf[doc.codes[i]];
  }
  const canvas = Object.assign(document.createElement("canvas"), { width: doc.tokens, height: doc.rows });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
};

const legend = ({ ends: [from, to], unit, linear }) => `${from} to ${to}${unit && ` ${unit}`}${linear ? "" : ", log"}`;

const drawLegend = (colours, norm) => {
  const canvas = document.getElementById("legend");
  const context = plotCanvas.fit(canvas, 160, 10);
  for (let i = 0; i < 160; i++) {
    context.fillStyle = colours.css[Math.round((i / 159) * 255)];
    context.fillRect(i, 0, 1, 10);
  }
  const words = legend(norm);
  canvas.setAttribute("aria-label", `Colour scale: ${words}`);
  document.getElementById("legend-text").textContent = words;
};

export const overview = {
  legend,
  create: (place, doc, cursor, zoom) => {
    const [rowHeight, layerHeight] = [attention.rowHeight(doc), attention.layerHeight(doc)];
    const plot = plotCanvas.plot(place, {
      label: "Heat map of all heads and tokens; arrow keys move over it, Enter opens the page of the head",
      left: LEFT,
      right: RIGHT,
      height: layerHeight * doc.layers,
    });
    let colours = null;
    let drawn = [];
    const rowAt = (event) => {
      const layer = Math.floor(event.offsetY / layerHeight);
      const head = Math.floor((event.offsetY - layer * layerHeight) / rowHeight);
      return layer >= 0 && layer < doc.layers && head >= 0 && head < doc.heads ? layer * doc.heads + head : -1;
    };
    const top = (row) => Math.floor(row / doc.heads) * layerHeight + (row % doc.heads) * rowHeight;
    const open = (row) => {
      if (row >= 0 && !pageData.single) location.href = document.body.dataset.root + doc.page(row);
    };
    place.addEventListener("pointermove", (event) =>
      place.classList.toggle("leads", event.offsetX < LEFT && rowAt(event) >= 0),
    );
    place.addEventListener("keydown", (event) => {
      const { token, row } = cursor.get();
      const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (event.key === "Enter") open(row);
      if (!by) return;
      event.preventDefault();
      const next = row < 0 ? (by > 0 ? 0 : doc.rows - 1) : Math.max(0, Math.min(doc.rows - 1, row + by));
      if (token >= 0) cursor.hold(token, next);
      else cursor.hover(token, next);
    });
    brush(place, plot, {
      hover: (event) => (event ? cursor.hover(plot.tokenAt(event.offsetX), rowAt(event)) : cursor.hover(-1)),
      // The margin names the rows. A click there opens the page of the head.
      click: (event) =>
        event.offsetX < LEFT ? open(rowAt(event)) : cursor.hold(plot.tokenAt(event.offsetX), rowAt(event)),
      choose: zoom,
    });
    const drawMap = (view) => {
      drawLegend(colours, view.norm);
      plot.resize(view.span, view.width);
      const { base, width } = plot;
      const picture = paint(doc, view);
      base.imageSmoothingEnabled = plot.step < 1;
      base.font = `11px ${colours.font}`;
      base.textAlign = "right";
      base.textBaseline = "middle";
      for (let layer = 0; layer < doc.layers; layer++) {
        const y = layer * layerHeight;
        base.drawImage(
          picture,
          plot.first,
          layer * doc.heads,
          plot.last - plot.first,
          doc.heads,
          LEFT,
          y,
          width - LEFT - RIGHT,
          rowHeight * doc.heads,
        );
        base.fillStyle = colours.muted;
        base.fillText(`L${layer}`, LEFT - 8, y + (rowHeight * doc.heads) / 2);
      }
      plotCanvas.windows(plot, doc, colours, plot.height);
    };
    return {
      draw: (view) => {
        colours = view.colours;
        // The heat map is not drawn again while the reader pins heads.
        const needed = plotCanvas.recording() ? [] : [colours, view.norm, ...view.span];
        if (plotCanvas.changed(drawn, needed)) drawMap(view);
        else plot.base.clearRect(LEFT - 5, 0, 4, plot.height);
        drawn = needed;
        view.pins.forEach(({ row, colour }) => {
          plot.base.fillStyle = colour;
          plot.base.fillRect(LEFT - 5, top(row), 4, Math.max(2, rowHeight));
        });
      },
      cursor: ({ token, row }) => {
        if (!colours || !plot.moves(token, row)) return;
        const overlay = plot.overlay(plot.shows(token) || row >= 0);
        if (!overlay) return;
        const { width, height } = plot;
        overlay.strokeStyle = colours.cursor;
        overlay.lineWidth = 1.5;
        if (plot.shows(token))
          overlay.strokeRect(
            plot.x(token) - Math.max(1.5, plot.step / 2),
            0.75,
            Math.max(3, plot.step),
            height - GAP - 1.5,
          );
        if (row >= 0) overlay.strokeRect(LEFT - 0.75, top(row) - 1, width - LEFT - RIGHT + 1.5, rowHeight + 2);
      },
    };
  },
};
