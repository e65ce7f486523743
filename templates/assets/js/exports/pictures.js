// Pictures of views as files: each view draws itself once more, on a context that writes SVG.
((attviz) => {
  "use strict";

  const LINE_GAP = 14;
  const TITLE = 26;
  // Pixels that the number under a token takes.
  const SCORE = 13;
  // Pixels of a line where a window begins, and of its dashes.
  const [BREAK, DASH] = [2, 4];

  // The canvases that a drawing fits, in order, with what it draws on them last, for a canvas that is fitted again is blank; overlays
  // of the cursor stay out.
  const recorded = (draw) => {
    const contexts = new Map();
    attviz.canvas.recorder = (canvas, width, height) => {
      const context = new attviz.svg.SvgContext(width, height, attviz.canvas.ratio());
      contexts.delete(canvas);
      contexts.set(canvas, context);
      return context;
    };
    try {
      draw();
    } finally {
      attviz.canvas.recorder = null;
    }
    return [...contexts.values()].filter((context) => context.content());
  };

  const stacked = (contexts, gap) => {
    let y = TITLE;
    return contexts.map((context) => {
      const part = { x: 0, y, context };
      y += context.height + gap;
      return part;
    });
  };

  const titled = (title, colours) => {
    const font = `600 13px ${colours.font}`;
    const context = new attviz.svg.SvgContext(attviz.ruler(font, title) + 8, TITLE, 1);
    Object.assign(context, { font, fillStyle: colours.ink, textBaseline: "middle" });
    context.fillText(title, 4, TITLE / 2);
    return { x: 0, y: 0, context };
  };

  // Drawings below each other under a line of words, as one file.
  const assembled = (title, words, colours, contexts, gap = LINE_GAP) => attviz.svg.file(title, colours.paper, [titled(words, colours), ...stacked(contexts, gap)]);

  // "rgb(…)" or "color(srgb …)", which not every program that reads SVG knows.
  const plainColour = (text) => {
    const numbers = text.match(/[\d.]+(e-\d+)?/g)?.map(Number) ?? [0, 0, 0, 0];
    const [r, g, b] = text.startsWith("color(") ? numbers.map((n) => Math.round(255 * n)) : numbers;
    return [`rgb(${r}, ${g}, ${b})`, numbers[3] ?? 1];
  };

  // The letters of a text node, line by line, and where each line stands.
  const linesOf = (node) => {
    const range = document.createRange();
    const place = (from, to) => {
      range.setStart(node, from);
      range.setEnd(node, to);
      return range.getClientRects();
    };
    const whole = place(0, node.length);
    if (whole.length < 2) return [...whole].map((rect) => ({ text: node.data, ...rect.toJSON() }));
    const lines = [];
    let at = 0;
    for (const letter of node.data) {
      const [rect] = place(at, at + letter.length);
      at += letter.length;
      if (!rect) continue;
      const line = lines.at(-1);
      if (line && rect.top < line.bottom - line.height / 2) Object.assign(line, { text: line.text + letter, left: Math.min(line.left, rect.left) });
      else lines.push({ text: letter, ...rect.toJSON() });
    }
    return lines;
  };

  // The text as it stands on the page: the ground of every token, what underlines it, its letters and what is added to them.
  const textPicture = (place, { doc, view, colours }) => {
    const box = place.getBoundingClientRect();
    const context = new attviz.svg.SvgContext(box.width, place.scrollHeight, 1);
    const font = getComputedStyle(place);
    const [serif, small] = [`${parseFloat(font.fontSize)}px ${font.fontFamily}`, `11px ${colours.font}`];
    const { strokes } = attviz.textMarks(doc, view.pinned.filter(({ underline }) => underline), colours);
    const { STROKE } = attviz.textMarks;
    const fill = (colour, alpha, { left, top, width, height }) => {
      Object.assign(context, { fillStyle: colour, globalAlpha: alpha });
      if (alpha > 0) context.fillRect(left - box.left, top - box.top + place.scrollTop, width, height);
    };
    const write = (text, colour, font, left, middle) => {
      Object.assign(context, { fillStyle: colour, globalAlpha: 1, font });
      context.fillText(text, left - box.left, middle - box.top + place.scrollTop);
    };
    const dashes = ({ left, top, height }) => {
      for (let y = 0; y < height; y += 2 * DASH) fill(colours.cursor, 1, { left, top: top + y, width: BREAK, height: Math.min(DASH, height - y) });
    };
    context.textBaseline = "middle";
    for (const part of place.childNodes) {
      if (part.className === "window-break") [...part.getClientRects()].forEach(dashes);
      const { token, name, score } = part.dataset ?? {};
      const rects = token ? [...part.getClientRects()] : [];
      for (const { left, top, width, height, bottom } of rects) {
        fill(...plainColour(getComputedStyle(part).backgroundColor), { left, top, width, height });
        strokes(token).map(({ colour, strength }, n) => [colour, strength, { left, top: bottom, width, height: STROKE * (n + 1) }]).reverse().forEach((mark) => fill(...mark));
      }
      const node = part.firstChild ?? part;
      if (node.data?.trim()) for (const { text, left, top, height } of linesOf(node)) write(text, part.className === "unread" ? colours.muted : colours.ink, serif, left, top + height / 2);
      if (name && rects.length) write(name, colours.muted, small, rects[0].left, (rects[0].top + rects[0].bottom - (score ? SCORE : 0)) / 2);
      if (score && rects.length) write(score, colours.ink, small, rects[0].left, rects[0].bottom - SCORE / 2);
    }
    return [context];
  };

  const shown = (id) => document.getElementById(id).textContent;
  const legend = () => `, colours ${shown("legend-text")}`;

  // What a picture shows, and what its numbers or colours are in.
  const UNITS = {
    text: () => `, shaded by ${document.getElementById("measure").selectedOptions[0].text}`,
    series: attviz.numbers.seriesUnit,
    overview: legend,
    sequence: ({ tint }) => legend() + (tint === "1" ? "; pinned rows in their own colours, stronger with the value" : ""),
    head: () => `: ${shown("map-title")}`,
  };

  const VIEWS = {
    text: (page) => textPicture(document.getElementById("text"), page),
    series: (page) => recorded(() => page.views.series.draw(page.view)),
    overview: (page) => recorded(() => page.views.overview.draw(page.view)),
    sequence: (page) => recorded(() => page.views.sequence.drawAll(page.view)),
    model: (page) => recorded(() => page.views.maps.picture("model")),
    head: (page) => recorded(() => page.views.maps.picture("head")),
  };

  // One view as an SVG file: its text and its size in pixels.
  const picture = (name, title, page) => {
    const { colours } = page;
    const contexts = VIEWS[name](page);
    page.redraw();
    if (!contexts.length) throw new Error("there is nothing to draw yet: scroll to the view first");
    return assembled(title, title + (UNITS[name]?.(page.view) ?? ""), colours, contexts, name === "series" ? 0 : LINE_GAP);
  };

  // The same as a PNG of twice as many pixels.
  const rasterised = async ({ text, width, height }) => {
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: 2 * width, height: 2 * height });
    canvas.getContext("2d").drawImage(image, 0, 0, 2 * width, 2 * height);
    return new Promise((resolve, reject) => {
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the picture is too large for this browser"))), "image/png");
    });
  };

  attviz.pictures = { picture, assembled, plainColour, rasterised };
})(globalThis.attviz ??= {});
