// A long picture in a scrolling box. Only the visible part is drawn, on one canvas that does not move.

import { plotCanvas } from "../document/plot_canvas.js";

const SMALLEST = 528;
// Pixels of the window that a box leaves free.
const AROUND = 40;
const MORE = 4;

const tallest = () => Math.max(SMALLEST, innerHeight - AROUND);

// `head` and `foot` stay visible above and below the rows.
export const scrollBox = (place, { label, head, foot }, draw) => {
  const canvas = document.createElement("canvas");
  const room = Object.assign(document.createElement("div"), { className: "map-room" });
  room.append(canvas);
  place.replaceChildren(room);
  place.tabIndex = 0;
  place.setAttribute("role", "img");
  const self = { context: null, canvas, width: 0, height: 0, rows: 0, rowHeight: 0, top: 0, whole: false };
  self.name = (of) => place.setAttribute("aria-label", label.replace(":", `${of}:`));
  self.name("");
  self.y = (row) => head + (row + 0.5) * self.rowHeight - self.top;
  self.rowAt = (y) => {
    const row = Math.floor((y - head + self.top) / self.rowHeight);
    return y >= head && y < self.height - foot && row >= 0 && row < self.rows ? row : -1;
  };
  self.sees = (row) => self.y(row) > head - self.rowHeight && self.y(row) < self.height - foot + self.rowHeight;
  // Draws inside the part of the picture that holds the rows, with room for letters taller than these.
  self.clipped = (paint) => {
    self.context.save();
    self.context.beginPath();
    self.context.rect(0, head - MORE, self.width, self.height - head - foot + 2 * MORE);
    self.context.clip();
    paint();
    self.context.restore();
  };
  // The height of a row with which all of them are in sight, within limits; whole pixels keep letters sharp.
  self.fitting = (rows, least, most) =>
    Math.max(least, Math.min(most, Math.floor((tallest() - head - foot) / Math.max(1, rows))));
  // An exported picture has all rows.
  self.resize = (rows, rowHeight) => {
    const tall = head + rows * rowHeight + foot;
    self.whole = plotCanvas.recording();
    Object.assign(self, { rows, rowHeight, height: self.whole ? tall : Math.min(tallest(), tall) });
    if (!self.whole) {
      place.style.height = `${self.height}px`;
      room.style.height = `${tall}px`;
    }
    self.width = place.clientWidth;
    self.context = plotCanvas.fit(canvas, self.width, self.height);
  };
  // Every drawing begins with this. Asking the place how far it is scrolled is slow, so it is done once.
  self.clear = () => {
    self.top = self.whole ? 0 : place.scrollTop;
    self.context.clearRect(0, 0, self.width, self.height);
  };
  // Scroll only the box, not the page.
  self.reveal = (row) => {
    const y = self.y(row);
    if (y < head + self.rowHeight || y > self.height - foot - self.rowHeight) place.scrollTop += y - self.height / 2;
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
