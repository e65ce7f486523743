// Rows of the token-by-token view: a bar up from the middle for what speaks for the predicted class, down for what
// speaks against it.

import { tokenEvidence } from "./token_evidence.js";

const rowOf = (doc, colours, [name, title]) => {
  const numbers = doc.evidence.signed[name];
  const strengths = tokenEvidence.strengths(numbers, doc.skipped);
  return {
    label: name,
    title,
    row: -1,
    height: 30,
    gap: 6,
    value: (token) => numbers[token],
    draw: (context, token, x, y, width, height) => {
      const [strength, half] = [strengths[token], (height - 1) / 2];
      context.fillStyle = colours.line;
      context.fillRect(x, y + half, width, 1);
      context.fillStyle = tokenEvidence.colour(strength);
      const top = strength > 0 ? half * (1 - strength) : half + 1;
      context.fillRect(x, y + top, width, half * Math.abs(strength));
    },
  };
};

export const evidenceRows = (doc, { colours }) => tokenEvidence.named(doc).map((named) => rowOf(doc, colours, named));
