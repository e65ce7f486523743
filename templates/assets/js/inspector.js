// The numbers of the token under the cursor, in one fixed place: nothing ever covers what is looked at.
((attviz) => {
  "use strict";

  const number = (value, approximate) => {
    if (approximate && value === 0) return "< 1e-6";
    return `${approximate ? "≈ " : ""}${attviz.scale.significant(value, approximate ? 2 : 3)}`;
  };

  const entry = (list, name, value, page) => {
    const term = document.createElement("dt");
    if (page) term.append(Object.assign(document.createElement("a"), { textContent: name, href: document.body.dataset.root + page }));
    else term.textContent = name;
    list.push(term, Object.assign(document.createElement("dd"), { textContent: value }));
  };

  const entries = (doc, token, row) => {
    const list = [];
    const { mean, std, entropy, max, min } = doc.aggregates;
    // Without a token: the mean over the tokens but special ones.
    const over = (numbers) => numbers.reduce((sum, value, i) => (doc.special[i] ? sum : sum + value), 0) / Math.max(1, doc.tokens - doc.special.reduce((a, b) => a + b, 0));
    const at = (numbers) => number(token >= 0 ? numbers[token] : over(numbers), false);
    const where = (rows) => (token >= 0 ? ` · ${doc.name(rows[token])}` : "");
    entry(list, "mean", at(mean));
    entry(list, "std", at(std));
    entry(list, "entropy", at(entropy));
    entry(list, "max", at(max) + where(doc.extremes.highest));
    entry(list, "min", at(min) + where(doc.extremes.lowest));
    const value = row < 0 ? "–" : token < 0 ? number(doc.headMeans[row], true) : number(doc.value(row, token), true);
    entry(list, row >= 0 ? doc.name(row) : "head", value, row >= 0 && doc.page(row));
    return list;
  };

  attviz.inspector = {
    create: (doc) => {
      const byId = (id) => document.getElementById(id);
      return {
        cursor: ({ token, row, held }) => {
          const word = token >= 0 ? doc.word(token) : "";
          byId("inspector-text").textContent = token >= 0 ? attviz.clip(word, 40) : "Whole document";
          byId("inspector-text").classList.toggle("empty", token < 0);
          const read = token >= 0 && !doc.special[token] ? doc.named(token) : undefined;
          byId("inspector-place").textContent = token < 0 ? "means over its tokens" : `token ${token}${read ? `, read as ${read}` : ""}${held ? " · held" : ""}`;
          byId("inspector-values").replaceChildren(...entries(doc, token, row));
          if (held) byId("inspector-spoken").textContent = `${word}, token ${token}, mean ${number(doc.aggregates.mean[token], false)}`;
        },
      };
    },
  };
})(globalThis.attviz ??= {});
