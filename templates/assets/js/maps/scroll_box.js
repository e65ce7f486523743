// A long picture in a box that scrolls: only what is in sight is drawn, on one canvas that stays put.

import { plotCanvas } from "../document/plot_canvas.js";

const TALLEST = 528;

// `head` and `foot` are kept in sight above and below the rows.
export const scrollBox = (place, { label, rowHeight, head, foot }, draw) => {
  const canvas = document.createElement("canvas");
  const room = Object.assign(document.createElement("div"), { className: "map-room" });
  room.append(canvas);
  place.replaceChildren(room);
  place.tabIndex = 0;
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", label);
  const self = { context: null, width: 0, height: 0, rows: 0 };
  const scrolled = () => place.scrollTop;
  self.y = (row) => head + (row + 0.5) * rowHeight - scrolled();
  self.rowAt = (y) => {
    const row = Math.floor((y - head + scrolled()) / rowHeight);
    return y >= head && y < self.height - foot && row >= 0 && row < self.rows ? row : -1;
  };
  self.sees = (row) => self.y(row) > head - rowHeight && self.y(row) < self.height - foot + rowHeight;
  // Draws within the rows' part of the picture.
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
  // Only the box scrolls; the page stays where the reader put it.
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
