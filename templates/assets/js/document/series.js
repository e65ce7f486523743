// Every head's value at every token as a gray dot, extremes marked, the chosen aggregate as a line.
((attviz) => {
  "use strict";

  const LABELLED = 13;

  // Dots are counted into a grid of pixels and painted at once: 70,000 rectangles would take a hundred times as long.
  const paintDots = (plot, doc, tables, y, height, colour) => {
    const ratio = attviz.canvas.ratio();
    const [width, rows] = [Math.round(plot.width * ratio), Math.round(height * ratio)];
    const counts = new Uint16Array(width * rows);
    const size = Math.round(ratio * (doc.rows * doc.tokens < 4000 ? 2.6 : plot.step > 6 ? 1.6 : 1));
    const spread = plot.step > 2 ? plot.step * 0.62 : 0;
    const pixelY = (value) => Math.max(0, Math.min(rows - size, Math.round(y(value) * ratio - size / 2)));
    for (let row = 0, last = null, pixels = null; row < doc.rows; row++) {
      if (tables[row] !== last) pixels = Int32Array.from(tables[row], pixelY);
      last = tables[row];
      const shift = doc.rows > 1 ? (row / (doc.rows - 1) - 0.5) * spread : 0;
      for (let token = plot.first; token < plot.last; token++) {
        const px = Math.round((plot.x(token) + shift) * ratio - size / 2);
        const at = pixels[doc.codes[row * doc.tokens + token]] * width + px;
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
    if (axis.below === null) return;
    base.fillText("< 1e-6", left - 8, top + height - 7);
    base.fillStyle = colours.line;
    base.globalAlpha = 0.45;
    base.fillRect(left, top + axis.below, plot.width - left - plot.right, height - axis.below);
    base.globalAlpha = 1;
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
  const strokes = (plot, numbers, y, colour) => {
    const { base, top } = plot;
    const width = Math.max(1.5, Math.min(14, plot.step * 0.62));
    base.fillStyle = colour;
    for (let token = plot.first; token < plot.last; token++) base.fillRect(plot.x(token) - width / 2, Math.round(top + y(numbers[token])) - 0.5, width, 1.5);
  };

  const discs = (plot, numbers, y, colour) => {
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

  const headNumbers = (doc, norm, row) => row >= 0 && Float64Array.from({ length: doc.tokens }, (_, token) => norm.number(row, token));

  const aggregates = (doc, { normed, norm }) => (normed ? attviz.spread.of(doc, norm) : doc.aggregates);

  attviz.series = {
    aggregates,
    create: (place, doc) => {
      const plot = attviz.canvas.plot(place, { label: "Self-attention of every head at every token; arrow keys move from token to token", left: 60, right: 10, height: 300 });
      plot.top = 8;
      const plain = attviz.norm(doc, "value", doc.range);
      const ground = document.createElement("canvas");
      let axis = null;
      let drawn = null;
      let below = [];
      const drawGround = (own, { max, min }, height, { colours }) => {
        paintDots(plot, doc, own.tables, axis.y, height, colours.dark ? 0xaea59c : 0x8a8078);
        plot.base.globalCompositeOperation = "destination-over";
        axes(plot, axis, colours, height);
        plot.base.globalCompositeOperation = "source-over";
        attviz.canvas.windows(plot, doc, colours, height + plot.top);
        tokenAxis(plot, doc, colours, plot.top + height);
        for (const numbers of [max, min]) strokes(plot, numbers, axis.y, colours.accent);
      };
      const keepGround = () => {
        const { canvas } = plot.base;
        Object.assign(ground, { width: canvas.width, height: canvas.height });
        ground.getContext("2d").drawImage(canvas, 0, 0);
      };
      return {
        plot,
        draw: (view) => {
          const { measure, pins, colours, span, norm, scale } = view;
          const own = view.normed ? norm : plain;
          const shown = aggregates(doc, view);
          const numbers = shown[measure] ?? headNumbers(doc, own, attviz.attention.rowOf(doc, measure));
          // Dots, axes and extremes are kept as a picture: pins and the line alone change more often.
          const needed = attviz.canvas.recorder ? [] : [own, colours, scale, ...span];
          if (attviz.canvas.changed(below, needed)) {
            plot.resize(span, view.width);
            const height = plot.height - (plot.step >= LABELLED ? 66 : 42);
            axis = attviz.axis.of(own, scale, shown, height);
            drawGround(own, shown, height, view);
            if (needed.length) keepGround();
            drawn = { colours, height };
          } else {
            plot.base.clearRect(0, 0, plot.width, plot.height);
            plot.base.drawImage(ground, 0, 0, plot.width, plot.height);
          }
          below = needed;
          pins.forEach(({ row, colour }) => discs(plot, headNumbers(doc, own, row), axis.y, colour));
          if (numbers) line(plot, doc, numbers, axis.y, colours.ink, 1.75);
          Object.assign(drawn, { numbers, measure });
        },
        cursor: ({ token }) => {
          if (!drawn || !plot.moves(token, drawn.measure)) return;
          const { overlay, width, height } = plot;
          overlay.clearRect(0, 0, width, height);
          if (!plot.shows(token)) return;
          const x = plot.x(token);
          overlay.fillStyle = drawn.colours.cursor;
          overlay.globalAlpha = 0.25;
          overlay.fillRect(x - Math.max(1, plot.step / 2), plot.top, Math.max(2, plot.step), drawn.height);
          overlay.globalAlpha = 1;
          if (!drawn.numbers) return;
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
