// Zooming by keys: fewer or more tokens around one of them.

// The span [first, last) with `factor` times as many tokens, around `about`, within `tokens`.
const zoomed = ([first, last], factor, about, tokens) => {
  const length = Math.min(tokens, Math.ceil((last - first) * factor));
  const start = Math.max(0, Math.min(tokens - length, Math.round(about - length / 2)));
  return [start, start + length];
};

const magnifier = (page) => (factor) => {
  const { token, held } = page.cursor.get();
  const { span } = page.view;
  page.zoom(...zoomed(span, factor, held ? token + 0.5 : (span[0] + span[1]) / 2, page.doc.tokens));
};

export const zoomKeys = { zoomed, magnifier };
