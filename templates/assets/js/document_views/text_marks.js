// Marks of pinned rows in the text: one underline each, and the background of the row that is strongest at a token.

import { attention } from "../document/attention.js";
import { documentText } from "../document/document_text.js";

const mix = (colour, strength) => `color-mix(in srgb, ${colour} ${Math.round(100 * strength)}%, transparent)`;

const STROKE = 2;

const of = (doc, marks, colours) => {
  const strengths = marks.map(({ key }) =>
    documentText
      .strengths(attention.measured(doc, key), doc.skipped)
      .map((strength, token) => (doc.skipped[token] ? 0 : strength)),
  );
  const lines = [...marks.keys()].filter((i) => marks[i].underline);
  // The underlines of a token, the nearest first.
  const strokes = (token) => lines.map((i) => ({ colour: marks[i].colour, strength: strengths[i][token] }));
  const fills = [...marks.keys()].filter((i) => marks[i].highlight);
  return {
    ground:
      fills.length &&
      ((token) => {
        const best = fills.reduce((first, i) => (strengths[i][token] > strengths[first][token] ? i : first));
        const alpha = strengths[best][token] * (colours.dark ? 0.5 : 0.62);
        return alpha > 0.02 ? mix(marks[best].colour, alpha) : "";
      }),
    strokes,
    lines: (token) =>
      strokes(token)
        .map(({ colour, strength }, n) => `0 ${STROKE * (n + 1)}px 0 ${mix(colour, strength)}`)
        .join(", "),
  };
};

export const textMarks = { STROKE, of };
