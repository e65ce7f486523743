// What leaving out the token under the cursor does to each class or label, or to the value: one small bar for each.

import { clip } from "../core/clip.js";
import { element } from "../core/element.js";
import { formats } from "../core/formats.js";
import { tokenEvidence } from "./token_evidence.js";

const WAYS = { mask: "masked", delete: "deleted", hide: "hidden from attention" };
const WIDE = "(min-width: 64.01rem)";
const NAME = 28;

// Percentage points with a sign: "+0.3", "−61.9", "0.0".
const points = (change) => formats.signed(change * 100, 1);

// A change of a probability in points, of a value in its unit.
const VALUE = "predicted value";
const written = ({ of }, change) =>
  of === VALUE ? `${change > 0 ? "+" : ""}${formats.significant(change)}` : points(change);

// Where a bar begins and how wide it is, in percent; no change is in the middle.
const span = (change, most) => {
  const width = most ? (50 * Math.abs(change)) / most : 0;
  return { start: change < 0 ? 50 - width : 50, width };
};

// For screen readers; empty where nothing was measured.
const spoken = ({ evidence, special }, token) =>
  evidence.changes && !special[token]
    ? `if ${WAYS[evidence.removal]}, ${evidence.of} ${written(evidence, 0 - evidence.signed.without[token])}` +
      (evidence.of === VALUE ? "" : " percentage points")
    : "";

const rowOf = (name) => {
  const [row, bar, track] = [element("tr"), element("i"), element("td", "change-bar")];
  const title = element("th");
  title.scope = "row";
  title.append(element("bdi", "", clip(name, NAME)));
  track.append(bar);
  const number = element("td");
  row.append(title, track, number);
  return { row, bar, number };
};

// The page has a place for the bars below the text. Where there is room, they are beside it, too.
const create = (inspector, doc, labels) => {
  const { changes } = doc.evidence;
  const below = document.getElementById("class-changes");
  if (!changes) return {};
  const places = [below];
  if (matchMedia(WIDE).matches) {
    places.push(Object.assign(element("details", "class-changes"), { open: true }));
    places[1].append(element("summary", "", below.textContent));
    inspector.append(places[1]);
  }
  const made = places.flatMap((place) => {
    const rows = changes.map(({ number }) => rowOf(labels[number]));
    const table = element("table");
    table.append(...rows.map(({ row }) => row));
    place.append(table);
    return rows;
  });
  const most = Math.max(...changes.flatMap(({ values }) => Array.from(values, (value) => Math.abs(value) || 0)));
  return {
    cursor: ({ token }) =>
      made.forEach(({ bar, number }, i) => {
        const measured = token >= 0 && !doc.special[token];
        const change = measured ? changes[i % changes.length].values[token] : 0;
        const { start, width } = span(change, most);
        const background = tokenEvidence.colour(change);
        Object.assign(bar.style, { insetInlineStart: `${start}%`, width: `${width}%`, background });
        number.textContent = measured ? written(doc.evidence, change) : "–";
      }),
  };
};

export const classChanges = { create, points, span, spoken };
