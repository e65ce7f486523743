// Texts with every token shaded by a score: heat maps of many documents on one page. Shades come in scripts that load
// when their texts come into sight; see document_shades.py.

import { element } from "../core/element.js";
import { load } from "../core/load.js";
import { palette } from "../core/palette.js";
import { redraw } from "../core/redraw.js";
import { tableRows } from "../rows/table_rows.js";
import { longTable } from "../searchable_tables/long_table.js";
import { search } from "../searchable_tables/search.js";

// About what a line on a wide screen holds.
const LINE = 180;
const PARTS = "shades";

const partName = (number) => `assets/${PARTS}-${String(number).padStart(3, "0")}.js`;

// Start and end of each token in its text, from pairs of gap and length.
const placesOf = (bounds, base) => {
  const places = [];
  let end = 0;
  for (let i = 0; i < bounds.length; i += 2) {
    const start = end + bounds.charCodeAt(i) - base;
    end = start + bounds.charCodeAt(i + 1) - base;
    places.push([start, end]);
  }
  return places;
};

// The shades of tokens, 0..1, or -1..1 of a score that speaks for or against; null if the document has none.
const strengthsOf = (codes, { base, levels, signedLevels }, signed) =>
  codes
    ? Array.from(codes, (_, i) =>
        signed ? (codes.charCodeAt(i) - base) / signedLevels - 1 : (codes.charCodeAt(i) - base) / levels,
      )
    : null;

// A token in its shade. The style sheet has the colours, so that a change of the theme needs no drawing.
const shaded = (strength, parts) => {
  if (!strength) return parts;
  const made = element("span", strength < 0 ? "against" : "");
  made.style.setProperty("--shade", Math.abs(strength).toFixed(2));
  made.append(...parts);
  return [made];
};

// The part of a text to show, token by token.
const pieces = (text, places, strengths, hits, [from, to]) => {
  const made = [];
  let at = from;
  const plain = (until) => made.push(...longTable.markedPart(text, hits, at, until));
  places.forEach(([start, end], token) => {
    if (end <= at || start >= to) return;
    if (start > at) plain(start);
    const last = Math.min(to, end);
    made.push(...shaded(strengths[token], longTable.markedPart(text, hits, Math.max(at, start), last)));
    at = last;
  });
  if (at < to) plain(to);
  return made;
};

// The colours of shades: of every score, and of those that speak for or against.
const dress = () => {
  const { style } = document.documentElement;
  const [channels, most] = palette.SHADES[palette.isDark() ? "dark" : "light"];
  style.setProperty("--shade-colour", `rgb(${channels})`);
  style.setProperty("--shade-most", `${most}%`);
  ["--shade-for", "--shade-against"].forEach((name, i) => style.setProperty(name, palette.PINS[i]));
};

// `facts` are those of document_shades.py. `fail` gets what is wrong if a script cannot be loaded.
const create = (rows, facts, fail) => {
  dress();
  redraw.on(dress);
  const partOf = (i) => Math.floor(i / facts.perPart);

  const write = (place, i, { query, score, lines }) => {
    const [longer = "", bounds = "", ...codes] = tableRows.get(PARTS)?.[i] ?? [];
    const text = longer || rows.text[i];
    const hits = search.hits(text, query);
    const [from, to] = longTable.excerpt(text, hits, lines * LINE, (lines * LINE) / 4);
    const number = facts.scores.findIndex(({ name }) => name === score);
    const strengths = strengthsOf(codes[number], facts, facts.scores[number].signed);
    place.classList.toggle("signed", facts.scores[number].signed);
    const parts = strengths
      ? pieces(text, placesOf(bounds, facts.base), strengths, hits, [from, to])
      : longTable.markedPart(text, hits, from, to);
    place.replaceChildren(from ? "…" : "", ...parts, to < text.length ? "…" : "");
  };

  // Fills a place with a document's text, at once without shades if they have yet to come.
  return (place, i, look) => {
    write(place, i, look);
    if (tableRows.get(PARTS)?.[i]) return;
    load(partName(partOf(i)))
      .then(() => write(place, i, look))
      .catch(fail);
  };
};

export const shadedTexts = { placesOf, strengthsOf, create };
