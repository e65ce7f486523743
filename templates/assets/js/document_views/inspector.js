// The numbers of the token under the cursor, in a fixed place where they cover nothing.

import { clip } from "../core/clip.js";
import { reading } from "./reading.js";

// Keeps an empty line at full height, so that the page does not move.
const BLANK = "\u00a0";

// Without a token: the mean over the counted tokens.
const meanOf = (numbers, { skipped }) => {
  const counted = numbers.filter((_, token) => !skipped[token]);
  return counted.reduce((sum, value) => sum + value, 0) / Math.max(1, counted.length);
};

// The head in which a token has its maximum or minimum.
const where = (name, { lite, extremes, name: headName }, token) => {
  const which = token >= 0 && !lite && { max: "highest", min: "lowest" }[name];
  return which ? ` · ${headName(extremes()[which][token])}` : "";
};

const SHARE = "norm-weighted";

export const inspector = {
  create: (doc) => {
    const [text, place] = ["text", "place"].map((part) => document.getElementById(`inspector-${part}`));
    // The markup has a place for each number: nothing moves when they are filled in.
    const list = document.getElementById("inspector-values");
    const names = [...list.querySelectorAll("dt")];
    const values = list.querySelectorAll("dd");
    const { number, ofHead } = reading;
    const [head, value] = [names.pop(), list.lastElementChild];
    let shown;
    return {
      cursor: ({ token, row, held }) => {
        text.textContent = token >= 0 ? clip(doc.word(token), 40) : "Whole document";
        text.classList.toggle("empty", token < 0);
        const read = token >= 0 && !doc.special[token] ? doc.named(token) : undefined;
        place.textContent =
          token < 0
            ? "means over its tokens, special ones left out"
            : `token ${token}${read ? `, read as ${read}` : ""}${held ? " · held" : ""}`;
        names.forEach(({ textContent: name }, i) => {
          const numbers = doc.aggregates[name];
          // Shares of a whole say nothing in the mean of all tokens but how many there are.
          values[i].textContent =
            numbers && (token >= 0 || name !== SHARE)
              ? number(token >= 0 ? numbers[token] : meanOf(numbers, doc), doc.rough?.(token)) + where(name, doc, token)
              : "–";
        });
        if (row !== shown) head.replaceChildren(row >= 0 ? doc.link(row) : BLANK);
        shown = row;
        value.textContent = row < 0 ? BLANK : token < 0 ? number(doc.headMeans[row], true) : ofHead(doc, row, token);
      },
    };
  },
};
