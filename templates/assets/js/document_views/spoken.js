// Describes the cursor for screen readers: the held token, and the position of the arrow keys in the heat map.

import { hiddenTexts } from "../core/hidden_texts.js";
import { late } from "../core/late.js";
import { reading } from "./reading.js";

const classChanges = late("classChanges");

export const spoken = (place, doc) => ({
  cursor: ({ token, row, held }) => {
    if (!held && !(row >= 0 && document.activeElement.id === "overview")) return;
    const { number, ofHead } = reading;
    const parts =
      token < 0
        ? []
        : [
            hiddenTexts.announced(doc.word(token)),
            `token ${token}`,
            `mean ${number(doc.aggregates.mean[token], doc.rough?.(token))}`,
          ];
    const sentence = token >= 0 && row < 0 && doc.evidence && classChanges().spoken(doc, token);
    if (sentence) parts.push(sentence);
    if (row >= 0)
      parts.push(
        `${doc.name(row)} ${token < 0 ? `mean ${number(doc.headMeans[row], true)}` : ofHead(doc, row, token)}`,
      );
    place.textContent = parts.join(", ");
  },
});
