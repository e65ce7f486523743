// What leaving out the token under the cursor does to each class: one small bar per class.

import { clip } from "../core/clip.js";
import { element } from "../core/element.js";
import { tokenEvidence } from "./token_evidence.js";

const WAYS = { mask: "masked", delete: "deleted", hide: "hidden from attention" };
const WIDE = "(min-width: 64.01rem)";
const NAME = 28;

// Percentage points with a sign: "+0.3", "−61.9", "0.0".
const points = (change) => {
  const text = Math.abs(change * 100).toFixed(1);
  return Number(text) ? (change > 0 ? "+" : "−") + text : text;
};

// Where a bar begins and how wide it is, in percent; no change is in the middle.
const span = (change, most) => {
  const width = most ? (50 * Math.abs(change)) / most : 0;
  return { start: change < 0 ? 50 - width : 50, width };
};

// For screen readers; empty where nothing was measured.
const told = ({ evidence, special }, token) =>
  evidence.changes && !special[token]
    ? `if ${WAYS[evidence.removal]}, predicted class ${points(evidence.changes[0].values[token])} percentage points`
    : "";

const rowOf = (name) => {
  const [row, bar, track] = [element("tr"), element("i"), element("td", "change-bar")];
  const title = Object.assign(element("th"), { scope: "row" });
  title.append(element("bdi", "", clip(name, NAME)));
  track.append(bar);
  const number = element("td");
  row.append(title, track, number);
  return { row, bar, number };
};

const create = (place, doc, labels) => {
  const { changes, removal } = doc.evidence;
  if (!changes) return {};
  const details = Object.assign(element("details", "class-changes"), { open: matchMedia(WIDE).matches });
  const all = changes.length === labels.length ? "" : `, ${changes.length} of ${labels.length} classes`;
  details.append(element("summary", "", `If the token is ${WAYS[removal]}: change in percentage points${all}`));
  const made = changes.map(({ number }) => rowOf(labels[number]));
  const table = element("table");
  table.append(...made.map(({ row }) => row));
  details.append(table);
  place.append(details);
  const most = Math.max(...changes.flatMap(({ values }) => Array.from(values, (value) => Math.abs(value) || 0)));
  return {
    cursor: ({ token }) =>
      made.forEach(({ bar, number }, i) => {
        const measured = token >= 0 && !doc.special[token];
        const change = measured ? changes[i].values[token] : 0;
        const { start, width } = span(change, most);
        const background = tokenEvidence.colour(change);
        Object.assign(bar.style, { insetInlineStart: `${start}%`, width: `${width}%`, background });
        number.textContent = measured ? points(change) : "–";
      }),
  };
};

export const classChanges = { create, points, span, told };
