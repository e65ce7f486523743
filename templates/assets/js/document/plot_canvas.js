// Canvases of the size of their place in the screen's pixels, each with a second canvas on top for the cursor.

import { fitCanvas } from "../core/fit_canvas.js";
import { pixelRatio } from "../core/pixel_ratio.js";

// While a picture is exported, a recorder replaces the canvas.
let recorder = null;
const record = (next) => {
  recorder = next;
};
const fit = (canvas, width, height) => recorder?.(canvas, width, height) ?? fitCanvas(canvas, width, height);

// A plot with tokens along x: a focusable picture and its overlay, with functions from tokens to positions and back.
const plot = (place, { label, left, right, height }) => {
  const base = document.createElement("canvas");
  const overlay = document.createElement("canvas");
  base.className = overlay.className = "layer";
  place.replaceChildren(base, overlay);
  place.tabIndex = 0;
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", label);
  const self = { left, right, height, width: 0, base: null, at: "" };
  let over = null;
  // Resizes the plot to show the tokens from `first` up to but not including `last`.
  self.resize = ([first, last], width) => {
    Object.assign(self, { first, last, width });
    self.step = (self.width - left - right) / (last - first);
    place.style.height = `${self.height}px`;
    self.base = fit(base, width, self.height);
    over &&= fitCanvas(overlay, width, self.height);
    self.at = "";
  };
  // The cleared overlay, if something is to be drawn on it. It is created late, to keep the first picture fast.
  self.overlay = (wanted) => {
    if (wanted) over ??= fitCanvas(overlay, self.width, self.height);
    over?.clearRect(0, 0, self.width, self.height);
    return wanted && over;
  };
  // Whether the overlay has to change.
  self.moves = (...at) => self.at !== (self.at = String(at));
  self.x = (token) => left + (token - self.first + 0.5) * self.step;
  self.shows = (token) => token >= self.first && token < self.last;
  self.tokenAt = (x) => {
    const token = self.first + Math.floor((x - left) / self.step);
    return self.shows(token) ? token : -1;
  };
  return self;
};

// Dashed lines at the start of each further window of the text.
const windows = (shown, doc, colours, height) => {
  shown.base.save();
  shown.base.setLineDash([3, 3]);
  shown.base.strokeStyle = colours.muted;
  shown.base.beginPath();
  for (const token of doc.windows.filter(shown.shows)) {
    const x = Math.round(shown.x(token) - shown.step / 2) + 0.5;
    shown.base.moveTo(x, shown.top ?? 0);
    shown.base.lineTo(x, height);
  }
  shown.base.stroke();
  shown.base.restore();
};

// Whether a picture must be drawn again because one of its parts changed. An exported picture always is.
const changed = (before, now) => !now.length || now.some((part, i) => part !== before[i]);

export const plotCanvas = {
  record,
  recording: () => recorder !== null,
  ratio: pixelRatio,
  fit,
  plot,
  windows,
  changed,
};
