// The layer x head grid beside a document: coloured by the token under the cursor, clicked to pin.
((attviz) => {
  "use strict";

  const cellButton = (doc, row) => {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.row = row;
    button.tabIndex = row === 0 ? 0 : -1;
    button.setAttribute("aria-label", `Layer ${Math.floor(row / doc.heads)}, head ${row % doc.heads}`);
    return button;
  };

  const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

  attviz.headGrid = {
    create: (place, subject, doc, cursor, toggle) => {
      const canvas = document.createElement("canvas");
      const grid = Object.assign(document.createElement("div"), { className: "head-buttons" });
      const buttons = Array.from({ length: doc.rows }, (_, row) => cellButton(doc, row));
      grid.style.gridTemplateColumns = `repeat(${doc.heads}, 1fr)`;
      grid.setAttribute("role", "group");
      grid.setAttribute("aria-label", "Heads to pin");
      grid.append(...buttons);
      place.replaceChildren(canvas, grid);
      let view = null;

      const paint = (token) => {
        const size = place.clientWidth / doc.heads;
        const height = Math.min(size, 22);
        const context = attviz.canvas.fit(canvas, place.clientWidth, height * doc.layers);
        for (let row = 0; row < doc.rows; row++) {
          const value = token >= 0 ? doc.value(row, token) : doc.headMeans[row];
          context.fillStyle = view.colours.css[(token >= 0 ? view.placeIn(doc.headMeans[row]) : view.place)(value)];
          context.fillRect((row % doc.heads) * size + 0.5, Math.floor(row / doc.heads) * height + 0.5, size - 1, height - 1);
        }
        subject.textContent = token >= 0 ? `at “${attviz.clip(doc.word(token), 12)}”` : "document mean";
      };

      const rowOf = (event) => Number(event.target.dataset?.row ?? -1);
      grid.addEventListener("click", (event) => { if (rowOf(event) >= 0) toggle(rowOf(event)); });
      grid.addEventListener("pointerover", (event) => { if (rowOf(event) >= 0) cursor.hover(cursor.get().token, rowOf(event)); });
      grid.addEventListener("pointerleave", () => cursor.hover(-1));
      grid.addEventListener("keydown", (event) => {
        const step = STEPS[event.key];
        if (!step || rowOf(event) < 0) return;
        event.preventDefault();
        event.stopPropagation();
        const layer = Math.floor(rowOf(event) / doc.heads) + step[0];
        const head = (rowOf(event) % doc.heads) + step[1];
        if (layer < 0 || layer >= doc.layers || head < 0 || head >= doc.heads) return;
        buttons.forEach((button) => { button.tabIndex = -1; });
        const next = buttons[layer * doc.heads + head];
        next.tabIndex = 0;
        next.focus();
      });

      return {
        draw: (next) => {
          view = next;
          buttons.forEach((button) => { button.setAttribute("aria-pressed", "false"); button.style.removeProperty("--pin"); });
          view.pins.forEach(({ row, colour }) => { buttons[row].setAttribute("aria-pressed", "true"); buttons[row].style.setProperty("--pin", colour); });
          paint(cursor.get().token);
        },
        cursor: ({ token, row }) => {
          if (!view) return;
          paint(token);
          grid.querySelector(".at")?.classList.remove("at");
          buttons[row]?.classList.add("at");
        },
      };
    },
  };
})(globalThis.attviz ??= {});
