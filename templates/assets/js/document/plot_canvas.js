// Canvases that fit their place and the screen's pixels, with a second one above for the cursor.

import { fitCanvas } from "../core/fit_canvas.js";
import { pixelRatio } from "../core/pixel_ratio.js";

// While a picture is exported, a recorder takes the canvas's place.
let recorder = null;
const record = (next) => {
  recorder = next;
};
const fit = (canvas, width, height) => recorder?.(canvas, width, height) ?? fitCanvas(canvas, width, height);

// A plot with tokens along x: a focusable picture, its overlay, and places turned into tokens.
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
  // Fits the place and shows the tokens from `first` to before `last`.
  self.resize = ([first, last], width) => {
    Object.assign(self, { first, last, width });
    self.step = (self.width - left - right) / (last - first);
    place.style.height = `${self.height}px`;
    self.base = fit(base, width, self.height);
    over &&= fitCanvas(overlay, width, self.height);
    self.at = "";
  };
  // What lies above all, cleared, if anything is wanted there: a canvas that nobody draws on would cost the first picture time.
  self.overlay = (wanted) => {
    if (wanted) over ??= fitCanvas(overlay, self.width, self.height);
    over?.clearRect(0, 0, self.width, self.height);
    return wanted && over;
  };
  // Whether the overlay has to show something else than it does.
  self.moves = (...at) => self.at !== (self.at = String(at));
  self.x = (token) => left + (token - self.first + 0.5) * self.step;
  self.shows = (token) => token >= self.first && token < self.last;
  self.tokenAt = (x) => {
    const token = self.first + Math.floor((x - left) / self.step);
    return self.shows(token) ? token : -1;
  };
  return self;
};

// Dashed lines where a new window of the text begins.
const windows = (plot, doc, colours, height) => {
  plot.base.save();
  plot.base.setLineDash([3, 3]);
  plot.base.strokeStyle = colours.muted;
  plot.base.beginPath();
  for (const token of doc.windows.filter(plot.shows)) {
    const x = Math.round(plot.x(token) - plot.step / 2) + 0.5;
    plot.base.moveTo(x, plot.top ?? 0);
    plot.base.lineTo(x, height);
  }
  plot.base.stroke();
  plot.base.restore();
};

// Whether a picture that was made of some parts has to be made anew; one that is exported always has.
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
