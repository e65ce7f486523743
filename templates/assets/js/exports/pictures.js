// Pictures of views as files: each view draws itself once more, on a context that writes SVG.
((attviz) => {
  "use strict";

  const LINE_GAP = 14;
  const COLOURED = ["overview", "sequence"];
  const TITLE = 26;

  // The canvases that a drawing fits, in order, with what it draws on them; overlays of the cursor stay out.
  const recorded = (draw) => {
    const contexts = [];
    attviz.canvas.recorder = (canvas, width, height) => {
      const context = new attviz.svg.SvgContext(width, height, attviz.canvas.ratio());
      contexts.push({ canvas, context });
      return context;
    };
    try {
      draw();
    } finally {
      attviz.canvas.recorder = null;
    }
    return contexts.map(({ context }) => context).filter((context) => context.content());
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

  // "rgb(…)" or "color(srgb …)", which not every program that reads SVG knows.
  const plainColour = (text) => {
    const numbers = text.match(/[\d.]+(e-\d+)?/g)?.map(Number) ?? [0, 0, 0, 0];
    const [r, g, b] = text.startsWith("color(") ? numbers.map((n) => Math.round(255 * n)) : numbers;
    return [`rgb(${r}, ${g}, ${b})`, numbers[3] ?? 1];
  };

  // The text as it stands on the page: a rectangle and the letters of every token.
  const textPicture = (place, colours) => {
    const box = place.getBoundingClientRect();
    const context = new attviz.svg.SvgContext(box.width, place.scrollHeight, 1);
    const font = getComputedStyle(place);
    const [serif, small] = [`${parseFloat(font.fontSize)}px ${font.fontFamily}`, `11px ${colours.font}`];
    context.textBaseline = "middle";
    for (const span of place.querySelectorAll(".tk, .unread")) {
      const rect = span.getClientRects()[0];
      if (!rect) continue;
      const [x, y] = [rect.left - box.left, rect.top - box.top + place.scrollTop];
      [context.fillStyle, context.globalAlpha] = plainColour(getComputedStyle(span).backgroundColor);
      if (context.globalAlpha > 0) context.fillRect(x, y, rect.width, rect.height);
      const named = !span.textContent;
      Object.assign(context, { fillStyle: named ? colours.muted : colours.ink, globalAlpha: 1, font: named ? small : serif });
      context.fillText(span.textContent || span.dataset.name || "", x, y + rect.height / 2);
    }
    return [context];
  };

  const VIEWS = {
    text: ({ colours }) => textPicture(document.getElementById("text"), colours),
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
    return attviz.svg.file(title, colours.paper, [titled(COLOURED.includes(name) ? `${title}, colours ${document.getElementById("legend-text").textContent}` : title, colours), ...stacked(contexts, name === "series" ? 0 : LINE_GAP)]);
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

  attviz.pictures = { picture, rasterised };
})(globalThis.attviz ??= {});
