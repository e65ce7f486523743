// Every head's value at every token as a gray dot, extremes marked, the chosen aggregate as a line.
((attviz) => {
  "use strict";

  const LABELLED = 13;

  // Dots are counted into a grid of pixels and painted at once: 70,000 rectangles would take a hundred times as long.
  const paintDots = (plot, doc, y, height, colour) => {
    const ratio = attviz.canvas.ratio();
    const [width, rows] = [Math.round(plot.width * ratio), Math.round(height * ratio)];
    const counts = new Uint16Array(width * rows);
    const size = Math.round(ratio * (doc.rows * doc.tokens < 4000 ? 2.6 : plot.step > 6 ? 1.6 : 1));
    const pixelY = Int32Array.from(doc.values, (value) => Math.max(0, Math.min(rows - size, Math.round(y(value) * ratio - size / 2))));
    const spread = plot.step > 2 ? plot.step * 0.62 : 0;
    for (let row = 0; row < doc.rows; row++) {
      const shift = doc.rows > 1 ? (row / (doc.rows - 1) - 0.5) * spread : 0;
      for (let token = plot.first; token < plot.last; token++) {
        const px = Math.round((plot.x(token) + shift) * ratio - size / 2);
        const at = pixelY[doc.codes[row * doc.tokens + token]] * width + px;
        for (let dy = 0; dy < size; dy++) for (let dx = 0; dx < size; dx++) counts[at + dy * width + dx]++;
      }
    }
    const image = plot.base.createImageData(width, rows);
    const pixels = new Uint32Array(image.data.buffer);
    for (let i = 0; i < counts.length; i++) {
      if (counts[i]) pixels[i] = (Math.min(230, 70 + 42 * counts[i]) << 24) | colour;
    }
    plot.base.putImageData(image, 0, Math.round(plot.top * ratio));
  };

  const axes = (plot, axis, colours, height) => {
    const { base, left, top } = plot;
    base.font = `11px ${colours.font}`;
    base.textAlign = "right";
    base.textBaseline = "middle";
    base.lineWidth = 1;
    for (const tick of axis.ticks) {
      base.strokeStyle = colours.line;
      base.beginPath();
      base.moveTo(left, Math.round(top + tick.y) + 0.5);
      base.lineTo(plot.width - plot.right, Math.round(top + tick.y) + 0.5);
      base.stroke();
      base.fillStyle = colours.muted;
      base.fillText(tick.label, left - 8, top + tick.y);
    }
    if (axis.below !== null) base.fillText("< 1e-6", left - 8, top + height - 7);
  };

  const tokenAxis = (plot, doc, colours, y) => {
    const { base } = plot;
    base.fillStyle = colours.muted;
    if (plot.step >= LABELLED) {
      base.textAlign = "right";
      for (let token = plot.first; token < plot.last; token++) {
        base.save();
        base.translate(plot.x(token) + 3, y + 8);
        base.rotate(-Math.PI / 4);
        base.fillText(attviz.clip(doc.word(token), 11), 0, 0);
        base.restore();
      }
      return;
    }
    base.textAlign = "center";
    const every = [10, 20, 50, 100, 200, 500, 1000, 5000].find((n) => n * plot.step > 44) ?? 20000;
    for (let token = Math.ceil(plot.first / every) * every; token < plot.last; token += every) base.fillText(String(token), plot.x(token), y + 12);
    base.textAlign = "right";
    base.fillText("token", plot.width - plot.right, y + 28);
  };

  const line = (plot, doc, numbers, y, colour, width) => {
    const { base, top } = plot;
    base.strokeStyle = colour;
    base.lineWidth = width;
    base.lineJoin = "round";
    base.beginPath();
    for (let token = plot.first; token < plot.last; token++) {
      const jump = token === plot.first || doc.windows.includes(token);
      base[jump ? "moveTo" : "lineTo"](plot.x(token), top + y(numbers[token]));
    }
    base.stroke();
  };

  // Extremes are short strokes as wide as the token: with the dots between them they read as a range.
  const strokes = (plot, doc, numbers, y, colour) => {
    const { base, top } = plot;
    const width = Math.max(1.5, Math.min(14, plot.step * 0.62));
    base.fillStyle = colour;
    for (let token = plot.first; token < plot.last; token++) base.fillRect(plot.x(token) - width / 2, Math.round(top + y(numbers[token])) - 0.5, width, 1.5);
  };

  const discs = (plot, doc, numbers, y, colour) => {
    const { base, top } = plot;
    const r = Math.max(1.4, Math.min(3, plot.step / 4));
    base.fillStyle = colour;
    base.beginPath();
    for (let token = plot.first; token < plot.last; token++) {
      const cy = top + y(numbers[token]);
      base.moveTo(plot.x(token) + r, cy);
      base.arc(plot.x(token), cy, r, 0, 7);
    }
    base.fill();
  };

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

  attviz.series = {
    windows,
    create: (place, doc, cursor, zoom) => {
      const plot = attviz.canvas.plot(place, { label: "Self-attention of every head at every token; arrow keys move from token to token", left: 60, right: 10, height: 300 });
      plot.top = 8;
      let axis = null;
      let drawn = null;
      attviz.canvas.brush(place, plot, {
        hover: (event) => cursor.hover(event ? plot.tokenAt(event.offsetX) : -1),
        click: (event) => cursor.hold(plot.tokenAt(event.offsetX)),
        choose: zoom,
      });
      return {
        draw: ({ measure, scale, pins, colours, span }) => {
          plot.resize(span);
          const labelled = plot.step >= LABELLED;
          const height = plot.height - (labelled ? 66 : 42);
          const { min, max } = doc.aggregates;
          const numbers = attviz.attention.measured(doc, measure);
          axis = scale === "linear"
            ? attviz.scale.linear(Math.max(...max, ...numbers), height)
            : attviz.scale.logarithmic(Math.min(...min), height);
          const dot = colours.dark ? 0xaea59c : 0x8a8078;
          plot.base.clearRect(0, 0, plot.width, plot.height);
          paintDots(plot, doc, axis.y, height, dot);
          plot.base.globalCompositeOperation = "destination-over";
          axes(plot, axis, colours, height);
          plot.base.globalCompositeOperation = "source-over";
          windows(plot, doc, colours, height + plot.top);
          tokenAxis(plot, doc, colours, plot.top + height);
          strokes(plot, doc, max, axis.y, colours.accent);
          strokes(plot, doc, min, axis.y, colours.accent);
          pins.forEach(({ row, colour }) => discs(plot, doc, attviz.attention.measured(doc, attviz.attention.keyOf(doc, row)), axis.y, colour));
          line(plot, doc, numbers, axis.y, colours.ink, 1.75);
          drawn = { numbers, colours, height };
        },
        cursor: ({ token }) => {
          if (!drawn) return;
          const { overlay, width, height } = plot;
          overlay.clearRect(0, 0, width, height);
          if (!plot.shows(token)) return;
          const x = plot.x(token);
          overlay.fillStyle = drawn.colours.cursor;
          overlay.globalAlpha = 0.25;
          overlay.fillRect(x - Math.max(1, plot.step / 2), plot.top, Math.max(2, plot.step), drawn.height);
          overlay.globalAlpha = 1;
          overlay.beginPath();
          overlay.arc(x, plot.top + axis.y(drawn.numbers[token]), 4.5, 0, 7);
          overlay.fillStyle = drawn.colours.cursor;
          overlay.strokeStyle = drawn.colours.ink;
          overlay.lineWidth = 1.5;
          overlay.fill();
          overlay.stroke();
        },
      };
    },
  };
})(globalThis.attviz ??= {});
