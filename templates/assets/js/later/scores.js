// The number of every token, under its letters.
((attviz) => {
  "use strict";

  attviz.scores = (place, doc) => {
    const spans = place.querySelectorAll(".tk");
    let drawn = null;
    return {
      draw: ({ measure, scores }) => {
        const numbers = scores === "1" ? attviz.attention.measured(doc, measure) : null;
        if (numbers === drawn) return;
        drawn = numbers;
        spans.forEach((span, token) => {
          if (numbers && (doc.special[token] || span.textContent.trim())) span.dataset.score = attviz.reading.of(doc, measure, token).replace("≈ ", "");
          else delete span.dataset.score;
        });
      },
    };
  };
})(globalThis.attviz ??= {});
