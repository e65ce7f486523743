// Canvases that fit their place and the screen's pixels, with a second one above for the cursor.
((attviz) => {
  "use strict";

  const MIN_DRAG = 6;

  const ratio = () => Math.max(1, globalThis.devicePixelRatio || 1);

  const fit = (canvas, width, height) => {
    canvas.width = Math.round(width * ratio());
    canvas.height = Math.round(height * ratio());
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const context = canvas.getContext("2d");
    context.setTransform(ratio(), 0, 0, ratio(), 0, 0);
    return context;
  };

  // A plot with tokens along x: a focusable picture, its overlay, and pointer events turned into tokens.
  const plot = (place, { label, left, right, height }) => {
    const base = document.createElement("canvas");
    const overlay = document.createElement("canvas");
    base.className = overlay.className = "layer";
    place.replaceChildren(base, overlay);
    place.tabIndex = 0;
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", label);
    const self = { left, right, height, width: 0, base: null, overlay: null };
    // Fits the place and shows the tokens from `first` to before `last`.
    self.resize = ([first, last]) => {
      Object.assign(self, { first, last, width: place.clientWidth });
      self.step = (self.width - left - right) / (last - first);
      place.style.height = `${self.height}px`;
      self.base = fit(base, self.width, self.height);
      self.overlay = fit(overlay, self.width, self.height);
    };
    self.x = (token) => left + (token - self.first + 0.5) * self.step;
    self.shows = (token) => token >= self.first && token < self.last;
    self.tokenAt = (x) => {
      const token = self.first + Math.floor((x - left) / self.step);
      return self.shows(token) ? token : -1;
    };
    return self;
  };

  // Dragging along x chooses a range of tokens; a press without a drag is a click.
  const brush = (place, plot, { hover, click, choose }) => {
    const box = Object.assign(document.createElement("div"), { className: "brush", hidden: true });
    place.append(box);
    let from = null;
    const inside = (x) => Math.max(plot.left, Math.min(plot.width - plot.right - 1, x));
    const stop = () => { from = null; box.hidden = true; };
    place.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      from = event.offsetX;
      place.setPointerCapture(event.pointerId);
    });
    place.addEventListener("pointermove", (event) => {
      hover(event);
      if (from === null || Math.abs(event.offsetX - from) < MIN_DRAG) return;
      const [start, end] = [from, event.offsetX].map(inside).sort((a, b) => a - b);
      box.hidden = false;
      box.style.left = `${start}px`;
      box.style.width = `${end - start}px`;
    });
    place.addEventListener("pointerup", (event) => {
      if (from === null) return;
      const [first, last] = [from, event.offsetX].map((x) => plot.tokenAt(inside(x))).sort((a, b) => a - b);
      if (Math.abs(event.offsetX - from) < MIN_DRAG) click(event);
      else choose(first, last + 1);
      stop();
    });
    place.addEventListener("pointercancel", stop);
    place.addEventListener("pointerleave", () => { if (from === null) hover(null); });
  };

  attviz.canvas = { ratio, fit, plot, brush };
})(globalThis.attviz ??= {});
