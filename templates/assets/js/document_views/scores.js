// Writes the value of every token below it.

import { attention } from "../document/attention.js";
import { reading } from "./reading.js";

export const scores = (place, doc) => {
  const spans = place.querySelectorAll(".tk");
  let drawn = null;
  return {
    draw: ({ measure: plotted, evidence, scores: shown }) => {
      const measure = evidence || plotted;
      const numbers = shown === "1" ? attention.measured(doc, measure) : null;
      if (numbers === drawn) return;
      drawn = numbers;
      spans.forEach((span, token) => {
        if (numbers && (doc.special[token] || span.textContent.trim()))
          span.dataset.score = reading.of(doc, measure, token).replace("≈ ", "");
        else delete span.dataset.score;
      });
    },
  };
};
