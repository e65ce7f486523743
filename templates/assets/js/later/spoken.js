// What a screen reader is told of the cursor: what is held, and where the arrow keys are in the picture of all heads.
((attviz) => {
  "use strict";

  // Texts that may offend or upset wait until the reader asks for them; a blur reaches neither voices nor files.
  attviz.textsHidden = () => document.documentElement.matches("[data-sensitive]:not([data-consent])");
  attviz.announced = (words) => (attviz.textsHidden() ? "hidden until you ask for the texts" : words);

  attviz.spoken = (place, doc) => ({
    cursor: ({ token, row, held }) => {
      if (!held && !(row >= 0 && document.activeElement.id === "overview")) return;
      const { number, ofHead } = attviz.reading;
      const parts = token < 0 ? [] : [attviz.announced(doc.word(token)), `token ${token}`, `mean ${number(doc.aggregates.mean[token], doc.rough?.(token))}`];
      if (row >= 0) parts.push(`${doc.name(row)} ${token < 0 ? `mean ${number(doc.headMeans[row], true)}` : ofHead(doc, row, token)}`);
      place.textContent = parts.join(", ");
    },
  });
})(globalThis.attviz ??= {});
