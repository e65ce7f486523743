// The number of every token, under its letters.
((attviz) => {
  "use strict";

  attviz.scores = (place, doc) => {
    const spans = place.querySelectorAll(".tk");
    let drawn = "";
    return {
      draw: ({ measure, scores }) => {
        const now = scores === "1" ? measure : "";
        if (now === drawn) return;
        drawn = now;
        const numbers = now && attviz.attention.measured(doc, now);
        spans.forEach((span, token) => {
          if (now && (doc.special[token] || span.textContent.trim())) span.dataset.score = attviz.scale.significant(numbers[token]);
          else delete span.dataset.score;
        });
      },
    };
  };
})(globalThis.attviz ??= {});
