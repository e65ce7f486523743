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
const SLICE = 8;
const PARTS = "shades";
// How opaque the strongest token is that speaks for or against, in percent: as on a document's page.
const SIGNED_MOST = 55;

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

// The class of each token's shade, "" for none: of a score that speaks for or against, "for-9" or "against-9". Null if
// the document has no such score.
const shadesOf = (codes, { base, signedLevels }, signed) =>
  codes
    ? Array.from(codes, (_, i) => {
        const level = codes.charCodeAt(i) - base - (signed ? signedLevels : 0);
        return level ? `${!signed ? "shade" : level > 0 ? "for" : "against"}-${Math.abs(level)}` : "";
      })
    : null;

const shaded = (shade, parts) => {
  if (!shade) return parts;
  const made = element("span", shade);
  made.append(...parts);
  return [made];
};

// The part of a text to show, token by token.
const pieces = (text, places, shades, hits, [from, to]) => {
  const made = [];
  let at = from;
  const plain = (until) => made.push(...longTable.markedPart(text, hits, at, until));
  places.forEach(([start, end], token) => {
    if (end <= at || start >= to) return;
    if (start > at) plain(start);
    const last = Math.min(to, end);
    made.push(...shaded(shades[token], longTable.markedPart(text, hits, Math.max(at, start), last)));
    at = last;
  });
  if (at < to) plain(to);
  return made;
};

// Rules for the classes of shades in the colours of the theme. Tokens of one shade share a class, which draws faster
// than a colour of their own.
const rules = ({ levels, signedLevels }) => {
  const [channels, most] = palette.SHADES[palette.isDark() ? "dark" : "light"];
  const series = (name, colour, opacity, n) =>
    Array.from({ length: n }, (_, i) => {
      const share = `${((opacity * (i + 1)) / n).toFixed(1)}%`;
      return `.as-texts .${name}-${i + 1}{background:color-mix(in srgb,${colour} ${share},transparent)}`;
    });
  return [
    ...series("shade", `rgb(${channels})`, most, levels),
    ...["for", "against"].flatMap((name, i) => series(name, palette.PINS[i], SIGNED_MOST, signedLevels)),
  ].join("");
};

// The text of a document with the hits of the search, in shades if there are any to show.
const write = (rows, facts, place, i, { query, score, lines }, withShades) => {
  const [longer = "", bounds = "", ...codes] = tableRows.get(PARTS)?.[i] ?? [];
  const text = longer || rows.text[i];
  const hits = search.hits(text, query);
  const [from, to] = longTable.excerpt(text, hits, lines * LINE, (lines * LINE) / 4);
  const number = facts.scores.findIndex(({ name }) => name === score);
  const shades = withShades ? shadesOf(codes[number], facts, facts.scores[number].signed) : null;
  const parts = shades
    ? pieces(text, placesOf(bounds, facts.base), shades, hits, [from, to])
    : longTable.markedPart(text, hits, from, to);
  place.replaceChildren(from ? "…" : "", ...parts, to < text.length ? "…" : "");
};

// Does work after the next frame, a few milliseconds at a time, so that typing never waits for it; on paper at once.
const queue = () => {
  let [waiting, busy] = [[], false];
  const next = (until) => {
    while (waiting.length && performance.now() < until) waiting.shift()();
    busy = waiting.length > 0;
    if (busy) setTimeout(() => next(performance.now() + SLICE));
  };
  redraw.on(() => {
    if (redraw.printing()) next(Infinity);
  });
  return (work) => {
    waiting.push(work);
    if (busy) return;
    busy = true;
    requestAnimationFrame(() => setTimeout(() => next(performance.now() + SLICE)));
  };
};

// `facts` are those of document_shades.py. `fail` gets what is wrong if a script cannot be loaded.
const create = (rows, facts, fail) => {
  const sheet = new CSSStyleSheet();
  const dress = () => sheet.replaceSync(rules(facts));
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  dress();
  redraw.on(dress);
  const later = queue();
  // Rows that have left the page since are left alone.
  const shade = (place, i, look) =>
    later(() => {
      if (place.isConnected) write(rows, facts, place, i, look, true);
    });
  // Fills a place with a document's text at once, and with its shades when they have come.
  return (place, i, look) => {
    write(rows, facts, place, i, look, false);
    if (tableRows.get(PARTS)?.[i]) shade(place, i, look);
    else
      load(partName(Math.floor(i / facts.perPart)))
        .then(() => shade(place, i, look))
        .catch(fail);
  };
};

export const shadedTexts = { placesOf, shadesOf, create };
