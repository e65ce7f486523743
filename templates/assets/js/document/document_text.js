// The document's text, one element per token, shaded by the chosen measure.

import { late } from "../core/late.js";
import { palette } from "../core/palette.js";
import { attention } from "./attention.js";
import { pinnedRows } from "./pinned_rows.js";
import { stats } from "./stats.js";

const textMarks = late("textMarks");
const tokenEvidence = late("tokenEvidence");

const build = (place, doc) => {
  const spans = [];
  const fragment = document.createDocumentFragment();
  let end = 0;
  for (let token = 0; token < doc.tokens; token++) {
    if (doc.starts[token] > end) fragment.append(doc.text.slice(end, doc.starts[token]));
    if (doc.windows.includes(token))
      fragment.append(
        Object.assign(document.createElement("span"), { className: "window-break", title: "A new window begins here" }),
      );
    const span = document.createElement("span");
    span.className = doc.special[token] ? "tk special" : doc.continues[token] ? "tk piece" : "tk";
    span.dataset.token = token;
    if (doc.special[token]) span.dataset.name = doc.named(token) ?? "";
    span.textContent = doc.text.slice(Math.max(end, doc.starts[token]), doc.ends[token]);
    fragment.append(span);
    spans.push(span);
    end = Math.max(end, doc.ends[token]);
  }
  const rest = doc.text.slice(end);
  if (rest.trim())
    fragment.append(Object.assign(document.createElement("span"), { className: "unread", textContent: rest }));
  else fragment.append(rest);
  place.replaceChildren(fragment);
  return spans;
};

// Shading spans most of the ordinary tokens, so that one outlier does not leave the others blank.
const strengths = (numbers, special) => {
  const ordinary = numbers.filter((_, token) => !special[token]);
  const low = stats.quantile(ordinary, 0.1);
  const high = Math.max(stats.quantile(ordinary, 0.985), low * 1.0001 + 1e-12);
  return Array.from(numbers, (value) => Math.max(0, Math.min(1, (value - low) / (high - low))));
};

export const documentText = {
  strengths,
  create: (place, doc) => {
    const spans = build(place, doc);
    let at = -1;
    let [drawn, lined] = ["", false];
    return {
      draw: ({ measure, evidence, colours, pinned, skipsPunctuation }) => {
        const marks = pinned.filter(({ underline, highlight }) => underline || highlight);
        // The mean of pins depends on all of them.
        const used = [measure, ...marks.map(({ key }) => key)].includes("pinned") ? pinned : marks;
        const waits = marks.length && !textMarks();
        const now = `${evidence || measure} ${colours.dark} ${skipsPunctuation} ${pinnedRows.write(used)} ${waits}`;
        if (drawn === now) return;
        drawn = now;
        const shades = strengths(attention.measured(doc, measure), doc.skipped);
        const [channels, most] = palette.SHADES[colours.dark ? "dark" : "light"];
        const shade = (token) =>
          !doc.skipped[token] && shades[token] * most > 2
            ? `rgb(${channels} / ${Math.round(shades[token] * most)}%)`
            : "";
        const signed = evidence && tokenEvidence().shade(doc, evidence);
        const marked = marks.length ? textMarks()?.of(doc, marks, colours) : null;
        spans.forEach((span, token) => {
          span.style.backgroundColor = (marked?.ground || signed || shade)(token);
          if (marked || lined) span.style.boxShadow = marked?.lines(token) ?? "";
        });
        lined = Boolean(marked);
      },
      cursor: ({ token, held }) => {
        spans[at]?.classList.remove("at", "held");
        at = token;
        spans[token]?.classList.add("at");
        if (!held || !spans[token]) return;
        spans[token].classList.add("held");
        // Scroll only the text's own box, not the page.
        const [box, span] = [place.getBoundingClientRect(), spans[token].getBoundingClientRect()];
        if (span.top < box.top) place.scrollTop -= box.top - span.top + 8;
        if (span.bottom > box.bottom) place.scrollTop += span.bottom - box.bottom + 8;
      },
    };
  },
};
