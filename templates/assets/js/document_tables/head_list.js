// Every head of a document as a table of numbers, for readers who prefer it to the heat map. Made when it is opened.

import { clip } from "../core/clip.js";
import { element } from "../core/element.js";
import { headStats } from "../document_views/head_stats.js";
import { reading } from "../document_views/reading.js";

const TITLES = ["Head", "Mean", "Std", "Strongest token", "Value", "Weakest token", "Value"];

const extremes = (doc, row) => {
  const counted = Array.from({ length: doc.tokens }, (_, token) => token).filter((token) => !doc.skipped[token]);
  const by = (better) =>
    counted.reduce(
      (best, token) => (best < 0 || better(doc.value(row, token), doc.value(row, best)) ? token : best),
      -1,
    );
  return [by((a, b) => a > b), by((a, b) => a < b)];
};

// The note below the table says that all values are packed.
const cell = (written) => element("td", "", written.replace("≈ ", ""));
const number = (value) => cell(reading.number(value, true));

const tokenCells = (doc, row, token) => {
  const name = element("td", "text");
  if (token >= 0) name.append(element("bdi", "token", clip(doc.word(token), 24)), ` ${token}`);
  return [name, token >= 0 ? cell(reading.ofHead(doc, row, token)) : element("td")];
};

const headRow = (doc, row, deviation) => {
  const made = element("tr");
  const name = Object.assign(element("th", "text"), { scope: "row" });
  name.append(doc.link(row));
  made.append(
    name,
    number(doc.headMeans[row]),
    number(deviation),
    ...extremes(doc, row).flatMap((token) => tokenCells(doc, row, token)),
  );
  return made;
};

export const headList = {
  fill: (details, doc) => {
    const counted = Math.max(1, doc.tokens - doc.skipped.reduce((a, b) => a + b, 0));
    const deviations = headStats.headVariances(doc).map((sum) => Math.sqrt(sum / counted));
    const table = element("table", "numbers");
    const [head, body, titles] = [element("thead"), element("tbody"), element("tr")];
    titles.append(
      ...TITLES.map((title, i) =>
        Object.assign(element("th", [0, 3, 5].includes(i) ? "text" : "", title), { scope: "col" }),
      ),
    );
    head.append(titles);
    for (let row = 0; row < doc.rows; row++) body.append(headRow(doc, row, deviations[row]));
    table.append(head, body);
    const scroll = Object.assign(element("div", "table-scroll tall"), { tabIndex: 0 });
    scroll.setAttribute("role", "group");
    scroll.setAttribute("aria-label", "Every head");
    scroll.append(table);
    details.append(
      element(
        "p",
        "hint",
        "Special tokens are left out. All values are approximate (≈): they come from the page's packed values.",
      ),
      scroll,
    );
  },
};
