// The documents that a reader filtered, as a CSV file: in their order, with all columns that the page knows.

import { late } from "../core/late.js";
import { documentValues } from "./document_values.js";

const csv = late("csv");

const yes = (flag) => (flag ? "yes" : "no");

// The columns, each with its title and its value: texts are quoted. A value that is not known is empty.
const columnsOf = (rows, { labels, labelled, cut, numbers }, outcomes, scores) => {
  const { quoted } = csv();
  const spelled = documentValues.spell(labels);
  const value = (column) => (i) => (rows[column][i] === null ? "" : quoted(spelled(rows[column][i])));
  const number = (column) => (i) => rows[column][i] ?? "";
  const flag = (title, column) => (rows[column] ? [[title, (i) => yes(rows[column][i])]] : []);
  return [
    ["number", (i) => (rows.position?.[i] ?? i) + 1],
    ["id", (i) => quoted(rows.id[i])],
    [cut ? "text_beginning" : "text", (i) => quoted(rows.text[i])],
    ...(labelled ? [["gold", labels.length ? value("label") : number("label")]] : []),
    ["predicted", labels.length ? value("prediction") : number("prediction")],
    ...(labelled && rows.outcome ? [["outcome", (i) => (outcomes[rows.outcome[i]] ?? [""])[0]]] : []),
    ...numbers.map(({ name, key }) => [name, number(key)]),
    ...scores.map((name) => [name, number(name)]),
    ["group", (i) => (rows.group[i] < 0 ? "" : rows.group[i] + 1)],
    ...flag("maps", "maps"),
    ...flag("vectors", "vectors"),
    ...flag("evidence", "evidence"),
    ...flag("every_head", "full"),
  ];
};

export const documentCsv = (rows, shown, outcomes, scores, found) => {
  const columns = columnsOf(rows, shown, outcomes, scores);
  return csv().file([columns.map(([title]) => title), ...found.map((i) => columns.map(([, cell]) => cell(i)))]);
};
