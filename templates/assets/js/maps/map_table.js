// The strongest entries of one head as a table, for readers who prefer it to a picture, and as a file.

import { clip } from "../core/clip.js";
import { element } from "../core/element.js";
import { late } from "../core/late.js";
import { mapShare } from "./map_share.js";
import { matrix } from "./matrix.js";

const csv = late("csv");

const MOST_ROWS = 512;
const MOST_KEYS = 4;

// Of a difference of which only a bound is known.
const least = (value) => (value < 0 ? "≤\u00a0" : "≥\u00a0");

const tableRow = (scene, head, query) => {
  const row = element("tr");
  const name = Object.assign(element("th", "text"), { scope: "row" });
  name.append(element("bdi", "token", clip(scene.tokens.word(query), 40)));
  const cells = matrix
    .row(scene.map, head, query, scene.allows)
    .slice(0, MOST_KEYS)
    .map(([key, value, isLeast]) => {
      const cell = element("td", "text");
      const written = mapShare.written(scene.map, value);
      cell.append(
        element("bdi", "token", clip(scene.tokens.word(key), 24)),
        ` ${isLeast ? least(value) : ""}${written}`,
      );
      return cell;
    });
  while (cells.length < MOST_KEYS) cells.push(element("td"));
  row.append(name, ...cells, element("td", "", mapShare.written(scene.map, matrix.rest(scene.map, head, query))));
  return row;
};

const table = (scene, head) => {
  const made = element("table", "numbers");
  const titles = element("tr");
  const names = [
    "Query",
    scene.map.isDifference ? "Largest difference" : "Strongest key",
    ...Array.from(
      { length: MOST_KEYS - 1 },
      (_, i) => `${["2nd", "3rd"][i] ?? `${i + 2}th`} ${scene.map.isDifference ? "difference" : "key"}`,
    ),
    scene.map.isDifference ? "Keys not shown, together" : "Not shown in the picture",
  ];
  titles.append(
    ...names.map((name, i) => Object.assign(element("th", i <= MOST_KEYS ? "text" : "", name), { scope: "col" })),
  );
  const [top, body] = [element("thead"), element("tbody")];
  top.append(titles);
  for (let query = 0; query < Math.min(MOST_ROWS, scene.tokens.length); query++)
    body.append(tableRow(scene, head, query));
  made.append(top, body);
  return made;
};

// Every stored entry of a head: a line per query and key, and the remainder with an empty key. Of a difference, the
// largest; `least` is 1 where it may be larger.
const linesOf = ({ map, tokens, doc, names }, head) => {
  const { quoted } = csv();
  return Array.from({ length: map.tokens }, (_, query) => {
    const place = [Math.floor(head / doc.heads), head % doc.heads, query, quoted(tokens.word(query))];
    const from = [...names.map(quoted), ...place];
    const bound = (isLeast) => (map.isDifference ? [Number(Boolean(isLeast))] : []);
    const kept = matrix
      .row(map, head, query)
      .map(([key, value, isLeast]) => [
        ...from,
        key,
        quoted(tokens.word(key)),
        value.toPrecision(3),
        ...bound(isLeast),
      ]);
    const others = [...from, "", quoted("all other keys"), matrix.rest(map, head, query).toPrecision(3), ...bound()];
    return [...kept, others];
  }).flat();
};

// Pages with maps of several models name the model in every line. Scenes of one file are all of one kind.
const fileOf = (scenes) => {
  const [{ map, names }] = scenes;
  const values = map.isDifference ? ["difference", "least"] : ["attention"];
  return csv().file([
    [...names.map(() => "model"), "layer", "head", "query", "query_token", "key", "key_token", ...values],
    ...scenes.flatMap((scene) => scene.heads.flatMap(({ row }) => linesOf(scene, row))),
  ]);
};

export const mapTable = {
  csv: fileOf,
  create: (details) => {
    let scene = null;
    const scroll = Object.assign(element("div", "table-scroll map-table"), { tabIndex: 0 });
    scroll.setAttribute("role", "group");
    details.append(scroll);
    const fill = () => {
      if (!details.open || !scene) return;
      const { row } = scene.heads[0];
      const what = scene.map.isDifference ? "Largest differences" : "Strongest keys";
      scroll.setAttribute("aria-label", `${what} in ${scene.doc.name(row)}${scene.of}`);
      scroll.replaceChildren(table(scene, row));
    };
    details.addEventListener("toggle", fill);
    return {
      draw: (next) => {
        scene = next;
        fill();
      },
    };
  },
};
