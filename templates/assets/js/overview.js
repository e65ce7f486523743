// All heads at once: a row per head, grouped by layer, a column per token.
((attviz) => {
  "use strict";

  const LEFT = 60;
  const RIGHT = 10;
  const GAP = 2;

  // One pixel per value; the browser enlarges it.
  const paint = (doc, { colours, placeIn }) => {
    const image = new ImageData(doc.tokens, doc.rows);
    const pixels = new Uint32Array(image.data.buffer);
    let colourOf = null;
    for (let row = 0, last = null; row < doc.rows; row++) {
      const place = placeIn(doc.headMeans[row]);
      if (place !== last) colourOf = Uint32Array.from(doc.values, (value) => colours.packed[place(value)]);
      last = place;
      for (let i = row * doc.tokens; i < (row + 1) * doc.tokens; i++) pixels[i] = colourOf[doc.codes[i]];
    }
    const canvas = Object.assign(document.createElement("canvas"), { width: doc.tokens, height: doc.rows });
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas;
  };

  attviz.overview = {
    create: (place, doc, cursor, zoom) => {
      const rowHeight = Math.max(2, Math.min(10, Math.floor(320 / doc.rows)));
      const layerHeight = rowHeight * doc.heads + GAP;
      const plot = attviz.canvas.plot(place, { label: "Heat map of all heads and tokens; arrow keys move over it", left: LEFT, right: RIGHT, height: layerHeight * doc.layers });
      let colours = null;
      const rowAt = (event) => {
        const layer = Math.floor(event.offsetY / layerHeight);
        const head = Math.floor((event.offsetY - layer * layerHeight) / rowHeight);
        return layer >= 0 && layer < doc.layers && head >= 0 && head < doc.heads ? layer * doc.heads + head : -1;
      };
      const top = (row) => Math.floor(row / doc.heads) * layerHeight + (row % doc.heads) * rowHeight;
      attviz.canvas.brush(place, plot, {
        hover: (event) => (event ? cursor.hover(plot.tokenAt(event.offsetX), rowAt(event)) : cursor.hover(-1)),
        click: (event) => cursor.hold(plot.tokenAt(event.offsetX), rowAt(event)),
        choose: zoom,
      });
      return {
        draw: (view) => {
          colours = view.colours;
          plot.resize(view.span);
          const { base, width } = plot;
          const picture = paint(doc, view);
          base.clearRect(0, 0, width, plot.height);
          base.imageSmoothingEnabled = plot.step < 1;
          base.font = `11px ${colours.font}`;
          base.textAlign = "right";
          base.textBaseline = "middle";
          for (let layer = 0; layer < doc.layers; layer++) {
            const y = layer * layerHeight;
            base.drawImage(picture, plot.first, layer * doc.heads, plot.last - plot.first, doc.heads, LEFT, y, width - LEFT - RIGHT, rowHeight * doc.heads);
            base.fillStyle = colours.muted;
            base.fillText(`L${layer}`, LEFT - 8, y + (rowHeight * doc.heads) / 2);
          }
          view.pins.forEach(({ row, colour }) => {
            base.fillStyle = colour;
            base.fillRect(LEFT - 5, top(row), 4, Math.max(2, rowHeight));
          });
          attviz.series.windows(plot, doc, colours, plot.height);
        },
        cursor: ({ token, row }) => {
          if (!colours) return;
          const { overlay, width, height } = plot;
          overlay.clearRect(0, 0, width, height);
          overlay.strokeStyle = colours.cursor;
          overlay.lineWidth = 1.5;
          if (plot.shows(token)) overlay.strokeRect(plot.x(token) - Math.max(1.5, plot.step / 2), 0.75, Math.max(3, plot.step), height - GAP - 1.5);
          if (row >= 0) overlay.strokeRect(LEFT - 0.75, top(row) - 1, width - LEFT - RIGHT + 1.5, rowHeight + 2);
        },
      };
    },
  };
})(globalThis.attviz ??= {});
