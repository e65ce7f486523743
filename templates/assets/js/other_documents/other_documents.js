// The search of documents without a page. Their texts come in scripts, one after another, and are not kept: all of them
// would not fit into the memory of a phone.

import { element } from "../core/element.js";
import { formats } from "../core/formats.js";
import { documentValues } from "../document_table/document_values.js";
import { tableRows } from "../rows/table_rows.js";
import { longTable } from "../searchable_tables/long_table.js";
import { search } from "../searchable_tables/search.js";

const NAME = "others";
const MOST = 100;
const EXCERPT = 220;
const byId = (id) => document.getElementById(id);

const partName = (number) => `assets/${NAME}-${String(number).padStart(3, "0")}.js`;

// Runs a script each time it is asked for, other than `load`.
const run = (address) =>
  new Promise((resolve, reject) => {
    const part = Object.assign(document.createElement("script"), { src: document.body.dataset.root + address });
    part.onload = () => {
      part.remove();
      resolve();
    };
    part.onerror = () => {
      part.remove();
      reject(new Error(`${address} is missing beside this page: copy the whole site, not one file of it`));
    };
    document.head.append(part);
  });

// The first documents of some rows whose text or id contains a query.
const hits = (rows, query, most) => {
  const found = [];
  for (let i = 0; i < rows.id.length && found.length < most; i++)
    if (search.fold(`${rows.text[i]}\n${rows.id[i]}`).includes(query)) found.push(i);
  return found;
};

// What the search says when it ends: all is searched, or the reader or the number of hits stopped it.
const ended = (n, searched, total, stopped) => {
  const [of, documents] = [formats.count(total), formats.count(searched)];
  const found = n === 1 ? "1 document" : `${n ? formats.count(n) : "No"} documents`;
  if (n >= MOST) return `The first ${MOST} hits, in ${documents} of ${of} documents. A longer search finds fewer.`;
  return searched < total
    ? `${found} found in ${documents} of ${of}${stopped ? ": stopped" : ""}.`
    : `${found} found in ${of}.`;
};

const itemOf = (rows, i, query, { labels, labelled }) => {
  const spelled = documentValues.spell(labels);
  const named = (value) => element("bdi", "", spelled(value));
  const id = element("bdi");
  id.append(longTable.marked(rows.id[i], query));
  const text = element("span", "document-text");
  text.dir = "auto";
  text.append(...longTable.markedExcerpt(rows.text[i], query, EXCERPT));
  const about = element("span", "hint");
  const confidence = rows.confidence?.[i] ?? null;
  about.append(id, " · predicted ", named(rows.prediction[i]));
  if (confidence !== null) about.append(` ${formats.percent(confidence)}`);
  if (labelled) about.append(" · gold ", named(rows.label[i]));
  const item = element("li");
  item.append(text, about);
  return item;
};

const start = (shown) => {
  const { parts, total } = JSON.parse(byId("others").dataset.facts);
  const [field, go, stop, progress, state, list] = ["query", "go", "stop", "progress", "state", "found"].map((name) =>
    byId(`others-${name}`),
  );
  field.value ||= byId("search").value;
  let running = 0;
  const end = (words) => {
    state.textContent = words;
    progress.hidden = true;
    stop.hidden = true;
  };
  const find = async () => {
    const query = search.query(field.value.trim());
    if (!query) return;
    running += 1;
    const mine = running;
    let [n, searched] = [0, 0];
    list.replaceChildren();
    state.textContent = "Searching.";
    Object.assign(progress, { hidden: false, value: 0 });
    stop.hidden = false;
    for (let part = 0; part < parts && n < MOST && mine === running; part++) {
      await run(partName(part));
      const rows = tableRows.take(NAME);
      if (mine !== running) break;
      const found = hits(rows, query, MOST - n);
      list.append(...found.map((i) => itemOf(rows, i, query, shown)));
      n += found.length;
      searched += rows.id.length;
      progress.value = searched;
    }
    // Another search may have begun, and says how it ends.
    if (mine === running) end(ended(n, searched, total, false));
    else if (stop.dataset.at === String(mine)) end(ended(n, searched, total, true));
  };
  const begin = () => find().catch(({ message }) => end(`The search ended early: ${message}.`));
  go.addEventListener("click", begin);
  field.addEventListener("keydown", ({ key }) => {
    if (key === "Enter") begin();
  });
  stop.addEventListener("click", () => {
    stop.dataset.at = String(running);
    running += 1;
  });
};

export const otherDocuments = { hits, ended, start };
