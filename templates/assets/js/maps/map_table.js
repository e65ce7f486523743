// The strongest entries of one head as a table, for readers who prefer it to a picture, and as a file.

import { clip } from "../core/clip.js";
import { element } from "../core/element.js";
import { formats } from "../core/formats.js";
import { late } from "../core/late.js";
import { matrix } from "./matrix.js";

const csv = late("csv");

const MOST_ROWS = 512;
const MOST_KEYS = 4;

const tableRow = (scene, head, query) => {
  const row = element("tr");
  const name = Object.assign(element("th", "text"), { scope: "row" });
  name.append(element("bdi", "token", clip(scene.tokens.word(query), 40)));
  const cells = matrix
    .row(scene.map, head, query, scene.allows)
    .slice(0, MOST_KEYS)
    .map(([key, value]) => {
      const cell = element("td", "text");
      cell.append(element("bdi", "token", clip(scene.tokens.word(key), 24)), ` ${formats.percent(value)}`);
      return cell;
    });
  while (cells.length < MOST_KEYS) cells.push(element("td"));
  row.append(name, ...cells, element("td", "", formats.percent(matrix.rest(scene.map, head, query))));
  return row;
};

const table = (scene, head) => {
  const made = element("table", "numbers");
  const titles = element("tr");
  const names = [
    "Query",
    "Strongest key",
    ...Array.from({ length: MOST_KEYS - 1 }, (_, i) => `${["2nd", "3rd"][i] ?? `${i + 2}th`} key`),
    "Not shown in the picture",
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

// Every stored entry of a head: a line per query and key, and the remainder with an empty key.
const linesOf = ({ map, tokens, doc }, head) => {
  const { quoted } = csv();
  return Array.from({ length: map.tokens }, (_, query) => {
    const from = [Math.floor(head / doc.heads), head % doc.heads, query, quoted(tokens.word(query))];
    const kept = matrix
      .row(map, head, query)
      .map(([key, value]) => [...from, key, quoted(tokens.word(key)), value.toPrecision(3)]);
    return [...kept, [...from, "", quoted("all other keys"), matrix.rest(map, head, query).toPrecision(3)]];
  }).flat();
};

const fileOf = (scene, ...rows) =>
  csv().file([
    ["layer", "head", "query", "query_token", "key", "key_token", "attention"],
    ...rows.flatMap((row) => linesOf(scene, row)),
  ]);

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
      scroll.setAttribute("aria-label", `Strongest keys in ${scene.doc.name(row)}`);
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
