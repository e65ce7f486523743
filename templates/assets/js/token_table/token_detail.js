// Details of one token: its mean in every head, its classes, and its occurrences.

import { element } from "../core/element.js";
import { formats } from "../core/formats.js";
import { headName } from "../core/head_name.js";
import { load } from "../core/load.js";
import { palette } from "../core/palette.js";
import { redraw } from "../core/redraw.js";
import { tableRows } from "../rows/table_rows.js";
import { probability } from "./probability.js";
import { tokenSentences } from "./token_sentences.js";

const LOW = 1e-6;
const CODES = 254;

// Codes of a logarithmic scale from 1e-6 to 1, two hexadecimal digits each; code 0 means less.
const decode = (hex) =>
  Array.from({ length: hex.length / 2 }, (_, i) => {
    const code = parseInt(hex.slice(2 * i, 2 * i + 2), 16);
    return code ? LOW * Math.exp(((code - 1) * -Math.log(LOW)) / CODES) : 0;
  });

const page = (row, heads) =>
  `heads/L${String(Math.floor(row / heads)).padStart(2, "0")}-H${String(row % heads).padStart(2, "0")}.html`;

const cell = (tag, text, className) => element(tag, className, text);

const tableOf = (className, headings, rows) => {
  const table = element("table", className);
  const head = table.createTHead().insertRow();
  headings.forEach((text, i) => {
    const th = cell("th", text, i ? "" : "text");
    th.scope = "col";
    head.append(th);
  });
  const body = table.createTBody();
  for (const row of rows) body.insertRow().append(...row);
  return table;
};

// The layer x head grid of one token; every cell links to its head.
const headGrid = (values, { heads, vectors }) => {
  const { css } = palette.current();
  const positive = values.filter((value) => value > 0);
  const place = palette.placer(Math.min(...positive), Math.max(...positive));
  const table = element("table", "head-table thumbnail");
  for (let first = 0; first < values.length; first += heads) {
    const row = table.insertRow();
    const title = cell("th", vectors ? "" : `L${first / heads}`);
    title.scope = "row";
    row.append(title);
    values.slice(first, first + heads).forEach((value, i) => {
      const link = element("a");
      link.href = page(first + i, heads);
      link.title = `${headName(first + i, heads, vectors)}: ≈ ${formats.significant(value)}`;
      link.setAttribute("aria-label", link.title);
      link.style.backgroundColor = css[place(value)];
      row.insertCell().append(link);
    });
  }
  return table;
};

const number = (value, digits) => (value === null ? "–" : formats.signed(value, digits));

const CLASS_COLUMNS = ["times even", "g of attention", "q of attention", "z of use", "q of use"];
const VALUE_COLUMNS = ["times even", "ρ of attention", "q of attention", "ρ of use", "q of use"];

const classTable = (rows, { labels, noun, by_value: byValue }) =>
  tableOf(
    "numbers",
    [noun, "Docs", ...(byValue ? VALUE_COLUMNS : CLASS_COLUMNS)],
    rows.map(([label, n, mean, effect, q, z, useQ]) => {
      const name = cell("th", undefined, "text");
      name.scope = "row";
      const link = element("a");
      link.href = `classes/${String(label).padStart(3, "0")}.html`;
      link.append(element("bdi", "", labels[label]));
      name.append(link);
      return [
        name,
        cell("td", formats.count(n)),
        cell("td", mean === null ? "–" : formats.significant(Math.exp(mean))),
        cell("td", number(effect, 2)),
        cell("td", q === null ? "–" : probability(q)),
        cell("td", number(z, byValue ? 2 : 1)),
        cell("td", useQ === null ? "–" : probability(useQ)),
      ];
    }),
  );

// One line per occurrence with the token in the middle, coloured by its mean self-attention.
const concordance = (lines) => {
  const { css } = palette.current();
  const values = lines.map((line) => line[5]).filter((value) => value > 0);
  const place = palette.placer(Math.min(...values) / 1.5, Math.max(...values));
  const list = element("ol", "concordance");
  for (const [position, token, before, at, after, value] of lines) {
    const item = element("li");
    const left = element("span", "before document-text");
    left.append(element("bdi", "", before));
    const link = element("a");
    link.append(element("bdi", "token", at));
    link.href = `documents/${String(position).padStart(6, "0")}.html#t=${token}`;
    link.style.backgroundColor = css[place(value)];
    link.style.color = palette.inkOn(css[place(value)]);
    link.title = `Document ${position + 1}`;
    item.append(
      left,
      link,
      element("span", "after document-text", after),
      element("span", "value", formats.significant(value)),
    );
    list.append(item);
  }
  return list;
};

const section = (title, hint, content) => {
  const made = element("div");
  const scroll = element("div", "table-scroll");
  Object.assign(scroll, { tabIndex: 0, role: "group", ariaLabel: title });
  scroll.append(content);
  made.append(cell("h3", title), cell("p", hint, "hint"), scroll);
  return made;
};

const views = (rows, i, detail, study) => {
  const means = decode(detail.heads);
  const place = element("div", "detail-views");
  if (means.some((value) => value > 0))
    place.append(
      section(
        "In every head",
        "Mean self-attention, logarithmic colours; each cell links to its head.",
        headGrid(means, study),
      ),
    );
  const noun = study.by_value ? "value" : (study.nouns?.[0] ?? "class");
  const sentence = study.by_value
    ? tokenSentences.values(detail.classes, study.labels, study.q_too_small)
    : tokenSentences.classes(detail.classes, study.labels, study.nouns, study.q_too_small);
  const capital = `${noun[0].toUpperCase()}${noun.slice(1)}`;
  if (detail.classes.length)
    place.append(
      section(
        study.by_value ? "By value" : `In every ${noun}`,
        sentence,
        classTable(detail.classes, { ...study, noun: capital }),
      ),
    );
  else place.append(cell("p", sentence, "hint"));
  const hint = tokenSentences.sample(detail.lines.length, rows.count[i], study.with_page);
  return [place, section("Where it occurs", hint, concordance(detail.lines))];
};

const create = (place, rows, study, state) => {
  let shown = null;
  const name = (n) => `details-${String(n).padStart(3, "0")}`;
  const heading = (text) => {
    const title = element("h2");
    title.append(element("bdi", "token", text));
    const close = element("button", "quiet close", "✕");
    close.type = "button";
    close.setAttribute("aria-label", "Close");
    close.addEventListener("click", () => state.set({ token: "" }));
    return [title, close];
  };
  const draw = () => {
    if (shown)
      place.replaceChildren(
        ...heading(rows.token[shown.i]),
        shown.finding,
        ...views(rows, shown.i, shown.detail, study),
      );
  };
  const finding = (i) => {
    const best = rows.best.some((row) => row > 0) ? headName(rows.best[i], study.heads, study.vectors) : "";
    const [count, documents, mean, std] = ["count", "documents", "mean", "std"].map((column) => rows[column][i]);
    const text = tokenSentences.occurrences({ count, documents, mean, std, best });
    return cell("p", text, "finding");
  };
  const show = async (text) => {
    shown = null;
    place.hidden = !text;
    if (!text) return;
    const i = rows.token.indexOf(text);
    const script = i < 0 ? -1 : rows.details[i];
    if (script < 0) {
      const why = tokenSentences.missing(i >= 0);
      place.replaceChildren(...heading(text), cell("p", why, "finding"));
      return;
    }
    await load(`assets/${name(script)}.js`);
    const table = tableRows.get("details");
    const at = table.item.indexOf(i);
    shown = {
      i,
      finding: finding(i),
      detail: { heads: table.heads[at], classes: table.classes[at], lines: table.lines[at] },
    };
    draw();
    place.scrollIntoView({ block: "nearest" });
  };
  redraw.on(draw);
  return { show };
};

export const tokenDetail = { decode, create };
