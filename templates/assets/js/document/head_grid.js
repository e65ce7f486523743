// The layer x head grid beside a document: coloured by the token under the cursor; a click pins a head.

import { clip } from "../core/clip.js";
import { attention } from "./attention.js";
import { headButtons } from "./head_buttons.js";
import { plotCanvas } from "./plot_canvas.js";

export const headGrid = {
  create: (place, subject, doc, cursor, toggle) => {
    const canvas = document.createElement("canvas");
    const { grid, rowOf, press, mark } = headButtons(doc, "Heads to pin");
    place.replaceChildren(canvas, grid);
    // On small screens the grid is folded; its title stays visible.
    const chooser = place.closest("details");
    chooser.open = !matchMedia("(max-width: 64rem)").matches;
    chooser.addEventListener("toggle", () => {
      if (!view) return;
      fit(place.clientWidth);
      paint(cursor.get().token);
    });
    let view = null;

    // Keep the width: reading it at every move of the pointer would force a new layout each time.
    let [context, size, height, painted] = [null, 0, 0, -1];
    const fit = (width) => {
      size = width / doc.heads;
      height = Math.min(size, 22);
      context = plotCanvas.fit(canvas, size * doc.heads, height * doc.layers);
    };

    const paint = (token) => {
      painted = token;
      context.clearRect(0, 0, size * doc.heads, height * doc.layers);
      for (let row = 0; row < doc.rows; row++) {
        context.fillStyle =
          view.colours.css[token >= 0 ? view.norm.placeAt(row, token) : view.place(doc.headMeans[row])];
        context.fillRect(
          (row % doc.heads) * size + 0.5,
          Math.floor(row / doc.heads) * height + 0.5,
          size - 1,
          height - 1,
        );
      }
      subject.textContent = token >= 0 ? `at “${clip(doc.word(token), 12)}”` : "document mean";
    };

    grid.addEventListener("click", (event) => {
      if (rowOf(event) >= 0) toggle(attention.keyOf(doc, rowOf(event)));
    });
    grid.addEventListener("pointerover", (event) => {
      if (rowOf(event) >= 0) cursor.hover(cursor.get().token, rowOf(event));
    });
    grid.addEventListener("pointerleave", () => cursor.hover(-1));

    return {
      draw: (next) => {
        const [before, now] = [view, cursor.get().token];
        view = next;
        if (before?.gridWidth !== view.gridWidth) fit(view.gridWidth);
        press(view.pins);
        if (before?.colours !== view.colours || before.norm !== view.norm || painted !== now) paint(now);
      },
      cursor: ({ token, row }) => {
        if (!view) return;
        if (token !== painted) paint(token);
        mark(row);
      },
    };
  },
};
