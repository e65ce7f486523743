// Every token of a document with its aggregates, for readers who prefer a table to a picture; made when asked for.
((attviz) => {
  "use strict";

  const COLUMNS = ["Place", "Mean", "Std", "Entropy", "Min", "Max"];
  const MOST_ROWS = 5000;

  const headRow = () => {
    const { element } = attviz;
    const row = element("tr");
    row.append(...["Token", ...COLUMNS, "Max in"].map((title, i) => Object.assign(element("th", i % 7 ? "" : "text", title), { scope: "col" })));
    return row;
  };

  const tokenRow = (doc, token) => {
    const { element } = attviz;
    const { mean, std, entropy, min, max } = doc.aggregates;
    const row = element("tr");
    const name = Object.assign(element("th", "text"), { scope: "row" });
    name.append(element("bdi", "token", attviz.clip(doc.word(token), 40)));
    const numbers = [mean, std, entropy, min, max].map((values) => element("td", "", values ? attviz.scale.significant(values[token], 3) : "–"));
    row.append(name, element("td", "", String(token)), ...numbers, element("td", "text", doc.lite ? "" : doc.name(doc.extremes().highest[token])));
    return row;
  };

  attviz.tokenList = {
    fill: (details, doc) => {
      const { element } = attviz;
      const table = element("table", "numbers");
      const [head, body] = [element("thead"), element("tbody")];
      head.append(headRow());
      for (let token = 0; token < Math.min(doc.tokens, MOST_ROWS); token++) body.append(tokenRow(doc, token));
      table.append(head, body);
      const scroll = Object.assign(element("div", "table-scroll"), { tabIndex: 0 });
      scroll.setAttribute("role", "group");
      scroll.setAttribute("aria-label", "Every token");
      scroll.append(table);
      details.append(element("p", "hint", "≈, from the page’s packed values."), scroll);
    },
  };
})(globalThis.attviz ??= {});
