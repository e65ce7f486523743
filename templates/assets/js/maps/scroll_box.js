// A long picture in a scrolling box. Only the visible part is drawn, on one canvas that does not move.

import { plotCanvas } from "../document/plot_canvas.js";

const TALLEST = 528;

// `head` and `foot` stay visible above and below the rows.
export const scrollBox = (place, { label, rowHeight, head, foot }, draw) => {
  const canvas = document.createElement("canvas");
  const room = Object.assign(document.createElement("div"), { className: "map-room" });
  room.append(canvas);
  place.replaceChildren(room);
  place.tabIndex = 0;
  place.setAttribute("role", "img");
  const self = { context: null, width: 0, height: 0, rows: 0 };
  self.name = (of) => place.setAttribute("aria-label", label.replace(":", `${of}:`));
  self.name("");
  const scrolled = () => place.scrollTop;
  self.y = (row) => head + (row + 0.5) * rowHeight - scrolled();
  self.rowAt = (y) => {
    const row = Math.floor((y - head + scrolled()) / rowHeight);
    return y >= head && y < self.height - foot && row >= 0 && row < self.rows ? row : -1;
  };
  self.sees = (row) => self.y(row) > head - rowHeight && self.y(row) < self.height - foot + rowHeight;
  // Draws inside the part of the picture that holds the rows.
  self.clipped = (paint) => {
    self.context.save();
    self.context.beginPath();
    self.context.rect(0, head, self.width, self.height - head - foot);
    self.context.clip();
    paint();
    self.context.restore();
  };
  self.resize = (rows) => {
    const tall = head + rows * rowHeight + foot;
    place.style.height = `${Math.min(TALLEST, tall)}px`;
    room.style.height = `${tall}px`;
    Object.assign(self, { rows, width: place.clientWidth, height: Math.min(TALLEST, tall) });
    self.context = plotCanvas.fit(canvas, self.width, self.height);
  };
  self.clear = () => self.context.clearRect(0, 0, self.width, self.height);
  // Scroll only the box, not the page.
  self.reveal = (row) => {
    const y = self.y(row);
    if (y < head + rowHeight || y > self.height - foot - rowHeight) place.scrollTop += y - self.height / 2;
  };
  let waiting = false;
  place.addEventListener(
    "scroll",
    () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        draw();
      });
    },
    { passive: true },
  );
  return self;
};
