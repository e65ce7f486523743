// Every token of a document with its aggregates, for readers who prefer a table to a picture. Made when it is opened.

import { clip } from "../core/clip.js";
import { element } from "../core/element.js";
import { measures } from "../document_views/measures.js";
import { reading } from "../document_views/reading.js";

const MOST_ROWS = 5000;

const capital = (name) => name[0].toUpperCase() + name.slice(1);

const headRow = (doc) => {
  const row = element("tr");
  const evidence = measures.ofEvidence(doc).map(([, label]) => label);
  const titles = ["token", "position", ...doc.columns, "max in", ...doc.measures, ...evidence].map(capital);
  row.append(
    ...titles.map((title) =>
      Object.assign(element("th", ["Token", "Max in"].includes(title) ? "text" : "", title), { scope: "col" }),
    ),
  );
  return row;
};

const tokenRow = (doc, token) => {
  const row = element("tr");
  const name = Object.assign(element("th", "text"), { scope: "row" });
  name.append(element("bdi", "token", clip(doc.word(token), 40)));
  const numbers = (keys) =>
    keys.map((key) => element("td", "", doc.aggregates[key] ? reading.of(doc, key, token) : "–"));
  row.append(
    name,
    element("td", "", String(token)),
    ...numbers(doc.columns),
    element("td", "text", doc.lite ? "" : doc.name(doc.extremes().highest[token])),
    ...numbers(doc.measures),
    ...measures.ofEvidence(doc).map(([key]) => element("td", "", reading.of(doc, key, token))),
  );
  return row;
};

export const tokenList = {
  fill: (details, doc) => {
    const table = element("table", "numbers");
    const [head, body] = [element("thead"), element("tbody")];
    head.append(headRow(doc));
    for (let token = 0; token < Math.min(doc.tokens, MOST_ROWS); token++) body.append(tokenRow(doc, token));
    table.append(head, body);
    const scroll = Object.assign(element("div", "table-scroll"), { tabIndex: 0 });
    scroll.setAttribute("role", "group");
    scroll.setAttribute("aria-label", "Every token");
    scroll.append(table);
    details.append(element("p", "hint", "≈, from the page's packed values."), scroll);
  },
};
