// What a screen reader is told of the cursor: what is held, and where the arrow keys are in the picture of all heads.
((attviz) => {
  "use strict";

  attviz.spoken = (place, doc) => ({
    cursor: ({ token, row, held }) => {
      if (!held && !(row >= 0 && document.activeElement.id === "overview")) return;
      const { number } = attviz.inspector;
      const parts = token < 0 ? [] : [doc.word(token), `token ${token}`, `mean ${number(doc.aggregates.mean[token], doc.rough?.(token))}`];
      if (row >= 0) parts.push(`${doc.name(row)} ${token < 0 ? `mean ${number(doc.headMeans[row], true)}` : number(doc.value(row, token), true)}`);
      place.textContent = parts.join(", ");
    },
  });
})(globalThis.attviz ??= {});
