// The difference of two sides in sentences, pictures and tables.

import { element } from "../core/element.js";
import { formats } from "../core/formats.js";
import { difference } from "./difference.js";
import { scatter } from "./scatter.js";
import { compareSentences } from "./compare_sentences.js";

const number = (value) =>
  value === null
    ? "–"
    : Math.abs(value) >= 1000 || Number.isInteger(value)
      ? formats.count(value)
      : formats.significant(value, 3);

const written = ({ share }, value) => (share && value !== null ? formats.percent(value) : number(value));

const cell = (tag, className, ...content) => {
  const made = element(tag, className);
  made.append(...content);
  return made;
};

const linked = ({ name, page, text }) => {
  const link = Object.assign(element("a", text ? "plain" : "head-name"), { href: page });
  link.append(text ? element("bdi", "token", name) : name);
  return link;
};

const tableOf = (caption, headings, rows) => {
  const table = element("table", "numbers");
  if (caption) table.append(element("caption", "", caption));
  const head = table.createTHead().insertRow();
  headings.forEach(([text, className]) => {
    if (!text) return head.append(element("td"));
    return head.append(Object.assign(element("th", className, text), { scope: "col" }));
  });
  const body = table.createTBody();
  for (const [title, ...others] of rows)
    body.insertRow().append(Object.assign(cell("th", "text", title), { scope: "row" }), ...others);
  return table;
};

const scrolling = (label, content) => {
  const made = Object.assign(cell("div", "table-scroll", content), { tabIndex: 0 });
  made.setAttribute("role", "group");
  made.setAttribute("aria-label", label);
  return made;
};

// Both values on the axis of all values, with the stretch between them marked.
const strip = ({ left, right, axis }) => {
  const { svg } = scatter;
  const drawing = svg("svg", { width: "100%", height: 14, "aria-hidden": "true" });
  drawing.append(svg("rect", { class: "track", y: 2, width: "100%", height: 10, rx: 1 }));
  if (left !== null && right !== null) {
    const [a, b] = [axis.place(left), axis.place(right)];
    drawing.append(
      svg("rect", { class: "between-both", x: `${Math.min(a, b)}%`, width: `${Math.abs(a - b)}%`, y: 6, height: 2 }),
      svg("circle", { class: "of-right", cx: `${b}%`, cy: 7, r: 4 }),
      svg("circle", { class: "of-left", cx: `${a}%`, cy: 7, r: 4 }),
    );
  }
  return cell("td", "strip", drawing);
};

const measures = ({ names, measures: list, words }) => {
  const rows = [
    ...list.map((one) => [
      one.title,
      strip(one),
      cell("td", "", written(one, one.left)),
      cell("td", "", written(one, one.right)),
      cell("td", "", difference.apart(one.left, one.right, one.axis.logarithmic, one.share)),
    ]),
    ...words.map(({ title, left, right }) => [
      title,
      cell("td", ""),
      cell("td", "", left),
      cell("td", "", right),
      cell("td", "", left === right ? "same" : "differs"),
    ]),
  ];
  return tableOf(
    "",
    [["Measure", "text"], [""], [names[0], "of-left"], [names[1], "of-right"], ["Left against right", ""]],
    rows,
  );
};

const said = ({ logarithmic }, value) =>
  logarithmic ? `× ${formats.significant(Math.exp(Math.abs(value)))}` : formats.significant(Math.abs(value));

const ranking = (cloud, names, side, name) =>
  side.length
    ? rankingTable(cloud, names, side, name)
    : element("p", "hint", `None is higher in ${name}${cloud.logarithmic ? ", at equal level" : ""}.`);

const rankingTable = (cloud, names, side, name) =>
  tableOf(
    `Higher in ${name}${cloud.logarithmic ? ", at equal level" : ""}`,
    [
      ["Name", "text"],
      [names[0], "of-left"],
      [names[1], "of-right"],
      [cloud.logarithmic ? "At equal level" : "More by", ""],
      ...(cloud.tested ? [["q < 0.05", ""]] : []),
    ],
    side.map((point) => [
      linked(point),
      cell("td", "", number(point.left)),
      cell("td", "", number(point.right)),
      cell("td", "", said(cloud, point.apart)),
      ...(cloud.tested ? [cell("td", "", point.clear ? "yes" : "no")] : []),
    ]),
  );

const everyPoint = (cloud, names) => {
  const details = cell(
    "details",
    "more",
    element("summary", "", `All ${formats.count(cloud.points.length)} as a table`),
  );
  details.addEventListener(
    "toggle",
    () => {
      const table = tableOf(
        "",
        [
          ["Name", "text"],
          [names[0], ""],
          [names[1], ""],
        ],
        cloud.points.map((point) => [
          linked(point),
          cell("td", "", number(point.left)),
          cell("td", "", number(point.right)),
        ]),
      );
      const box = scrolling(cloud.title, table);
      box.classList.add("tall");
      details.append(box);
    },
    { once: true },
  );
  return details;
};

const clouded = (cloud, names) => {
  const section = cell("section", "cloud-view", element("h3", "", cloud.title));
  if (cloud.points.length < 2) {
    section.append(element("p", "hint", compareSentences.nothing(cloud)));
    return section;
  }
  const level = compareSentences.level(cloud, names);
  const { picture, nearest } = scatter.create(cloud, names);
  const under = element("p", "hint point-at", "Point at a dot for its name.");
  // On a touch screen, touching is pointing.
  for (const kind of ["pointermove", "pointerdown"])
    picture.addEventListener(kind, (event) => {
      const box = picture.getBoundingClientRect();
      const unit = picture.viewBox.baseVal.width / box.width;
      const point =
        cloud.points[
          nearest(
            (event.clientX - box.left) * unit + picture.viewBox.baseVal.x,
            (event.clientY - box.top) * unit + picture.viewBox.baseVal.y,
          )
        ];
      if (point)
        under.replaceChildren(
          linked(point),
          ` ${number(point.left)} in ${names[0]}, ${number(point.right)} in ${names[1]}`,
        );
    });
  const figure = cell("figure", "histogram", picture, under);
  const tables = cell(
    "div",
    cloud.tested ? "pair-tables tested" : "pair-tables",
    ranking(cloud, names, cloud.more, names[0]),
    ranking(cloud, names, cloud.less, names[1]),
  );
  section.append(
    element("p", "hint", `Both axes: ${cloud.unit}${cloud.logarithmic ? ", logarithmic" : ""}. ${level}`),
    cell("div", "cloud-parts", figure, scrolling(cloud.title, tables)),
    everyPoint(cloud, names),
  );
  return section;
};

const finding = (found) =>
  cell(
    "p",
    "finding",
    ...compareSentences.finding(found).map((part) => (typeof part === "string" ? part : linked(part))),
  );

const draw = (place, found) => {
  const table = measures(found);
  place.replaceChildren(
    finding(found),
    scrolling("Measures of both", table),
    ...found.clouds.map((cloud) => clouded(cloud, found.names)),
  );
};

const note = (place, text) => place.replaceChildren(element("p", "hint", text));

export const differenceView = { draw, note };
