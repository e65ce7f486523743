// Zooming without a pointer: fewer or more tokens about one of them.
((attviz) => {
  "use strict";

  // The span [first, last) that holds `factor` times as many tokens as another, about a place, within so many tokens.
  attviz.zoomed = ([first, last], factor, about, tokens) => {
    const length = Math.min(tokens, Math.ceil((last - first) * factor));
    const start = Math.max(0, Math.min(tokens - length, Math.round(about - length / 2)));
    return [start, start + length];
  };

  attviz.magnifier = (page) => (factor) => {
    const { token, held } = page.cursor.get();
    const { span } = page.view;
    page.zoom(...attviz.zoomed(span, factor, held ? token + 0.5 : (span[0] + span[1]) / 2, page.doc.tokens));
  };
})(globalThis.attviz ??= {});
