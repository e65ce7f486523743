// The searchable index of documents.
((attviz) => {
  "use strict";

  const EXCERPT = 220;
  const LARGEST_TRAIL = 20000;
  const byId = (id) => document.getElementById(id);

  // Which rows pass: a plain scan, which is fast enough for 100,000 texts.
  const matching = (rows, lower, { q, gold, predicted, outcome }) => {
    const query = attviz.search.query(q ?? "");
    const found = [];
    for (let i = 0; i < rows.id.length; i++) {
      if (gold !== "" && rows.label[i] !== Number(gold)) continue;
      if (predicted !== "" && rows.prediction[i] !== Number(predicted)) continue;
      if (outcome !== "" && (rows.label[i] === rows.prediction[i]) !== (outcome === "right")) continue;
      if (query && !lower[i].includes(query) && !attviz.search.fold(rows.id[i]).includes(query)) continue;
      found.push(i);
    }
    return found;
  };

  const page = (index) => `documents/${String(index).padStart(6, "0")}.html`;

  const columnsOf = (rows, labels) => [
    { name: "number", title: "No.", className: "c-number", sort: (i) => i },
    { name: "text", title: "Text", className: "c-text" },
    { name: "id", title: "Id", className: "c-id", sort: (i) => rows.id[i] },
    { name: "gold", title: "Gold", className: "c-gold", sort: (i) => labels[rows.label[i]] },
    { name: "predicted", title: "Predicted", className: "c-predicted", sort: (i) => labels[rows.prediction[i]] },
    { name: "confidence", title: "Confidence", className: "c-confidence", sort: (i) => rows.confidence[i], falling: true },
    { name: "length", title: "Tokens", className: "c-length", sort: (i) => rows.tokens[i], falling: true },
    { name: "mean", title: "Mean", className: "c-mean", sort: (i) => rows.mean[i], falling: true },
  ];

  const outcome = (right) => {
    const { element } = attviz.table;
    const made = element("span", `outcome ${right ? "right" : "wrong"}`);
    const sign = element("span", "", right ? "✓" : "✗");
    sign.setAttribute("aria-hidden", "true");
    made.append(sign, ` ${right ? "right" : "wrong"}`);
    return made;
  };

  const cellsOf = (rows, labels, query) => (i) => {
    const { element, marked, excerpt } = attviz.table;
    const link = element("a", "row-link", String(i + 1));
    link.href = page(i);
    const number = element("span", "c-number");
    number.append(link);
    const text = element("span", "c-text document-text");
    const shown = excerpt(rows.text[i], query, EXCERPT);
    text.dir = "auto";
    text.append(marked(shown, query));
    const predicted = element("span", "c-predicted");
    predicted.append(element("bdi", "", labels[rows.prediction[i]]), " ", outcome(rows.label[i] === rows.prediction[i]));
    const id = element("span", "c-id");
    id.append(element("bdi", "", rows.id[i]));
    const gold = element("span", "c-gold");
    gold.append(element("bdi", "", labels[rows.label[i]]));
    return [number, text, id, gold, predicted,
      element("span", "c-confidence", attviz.scale.percent(rows.confidence[i])),
      element("span", "c-length", attviz.scale.count(rows.tokens[i])),
      element("span", "c-mean", attviz.scale.significant(rows.mean[i], 3))];
  };

  const offered = (field, value) => (!field.options || [...field.options].some((option) => option.value === value) ? value : "");

  // What the document pages step through while a filter is on.
  const leaveTrail = (found, active) => {
    try {
      const key = `attviz.trail:${new URL(".", location.href).href}`;
      if (active && found.length <= LARGEST_TRAIL) sessionStorage.setItem(key, found.join(","));
      else sessionStorage.removeItem(key);
    } catch { /* stepping then goes through all documents */ }
  };

  const start = () => {
    const rows = attviz.rows.get("documents");
    const place = byId("document-table");
    const { labels, total } = JSON.parse(place.dataset.columns);
    if (!rows || rows.id.length !== total) return;
    const lower = [];
    const state = attviz.state.create({ q: "", gold: "", predicted: "", outcome: "", sort: "" });
    const columns = columnsOf(rows, labels);
    const fields = { q: byId("search"), gold: byId("filter-gold"), predicted: byId("filter-predicted"), outcome: byId("filter-outcome") };
    for (const select of [fields.gold, fields.predicted]) labels.forEach((name, i) => select.append(new Option(name, i)));
    let query = "";
    const table = attviz.table.create(place, {
      label: "Documents",
      columns,
      cells: (i) => cellsOf(rows, labels, query)(i),
      onSort: (name) => state.set({ sort: attviz.table.nextSort(state.get("sort"), name, columns.find((c) => c.name === name).falling) }),
    });
    const draw = () => {
      // A link may ask for a class or an outcome that does not exist.
      const filter = Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, offered(field, state.get(key))]));
      query = attviz.search.query(filter.q);
      if (query && !lower.length) rows.text.forEach((text) => lower.push(attviz.search.fold(text)));
      for (const [key, field] of Object.entries(fields)) if (field.value !== filter[key]) field.value = filter[key];
      const found = matching(rows, lower, filter);
      const descending = state.get("sort").startsWith("-");
      const column = columns.find((c) => c.name === state.get("sort").replace("-", ""));
      if (column?.sort) attviz.table.sortedBy(found, column.sort, descending);
      byId("matches").textContent = found.length === total ? `all ${attviz.scale.count(total)}` : `${attviz.scale.count(found.length)} of ${attviz.scale.count(total)}`;
      leaveTrail(found, found.length < total || column);
      table.show(found, column?.name, descending);
    };
    for (const [key, field] of Object.entries(fields)) field.addEventListener("input", () => state.set({ [key]: field.value }));
    state.subscribe(draw);
    draw();
  };

  // On a document page: previous and next within the list the reader came from.
  const followTrail = () => {
    const number = Number(/(\d+)\.html$/.exec(location.pathname)?.[1]);
    let trail = [];
    try {
      trail = (sessionStorage.getItem(`attviz.trail:${new URL("..", location.href).href}`) ?? "").split(",").filter(Boolean).map(Number);
    } catch { return; }
    const at = trail.indexOf(number);
    if (at < 0) return;
    const pager = document.querySelector(".pager");
    const link = (index, className, text) => {
      const made = attviz.table.element(trail[index] === undefined ? "span" : "a", trail[index] === undefined ? "off" : "", text);
      if (trail[index] !== undefined) Object.assign(made, { href: `../${page(trail[index])}`, rel: className });
      return made;
    };
    pager.firstElementChild.replaceWith(link(at - 1, "prev", "← Previous"));
    pager.lastElementChild.replaceWith(link(at + 1, "next", "Next →"));
    pager.querySelector(".trail").textContent = ` · ${attviz.scale.count(at + 1)} of ${attviz.scale.count(trail.length)} in your list`;
  };

  attviz.documentTable = { matching, start, followTrail };
})(globalThis.attviz ??= {});
