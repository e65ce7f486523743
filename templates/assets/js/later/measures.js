// What can be chosen beside heads, what full mode adds among it, and how alike a measure and self-attention rank tokens.
((attviz) => {
  "use strict";

  const LABELS = { received: "attention received", rollout: "attention rollout", "norm-weighted": "norm-weighted share" };

  // Full mode's measures have a place for what `agreement` says.
  const offer = ({ measures }) => {
    const { ROWS, rowName } = attviz.attention;
    const [shade, row] = ["measure", "add-row"].map((id) => document.getElementById(id));
    row.append(...[...ROWS, ...measures].map((key) => new Option(rowName(key), key)));
    if (!measures.length) return;
    shade.append(...measures.map((name) => new Option(LABELS[name], name)));
    shade.closest("label").before(Object.assign(attviz.element("output"), { id: "agreement" }));
  };

  // Over the tokens or words that count; nothing where ranks do not vary.
  const agreement = ({ doc, words }, measure) => {
    const counted = [measure, "mean"].map((name) => attviz.attention.measured(doc, name).filter((_, token) => !doc.skipped[token]));
    const rho = attviz.stats.spearman(...counted);
    return measure === "mean" || Number.isNaN(rho) ? "" : `Spearman with the mean of self-attention ${rho.toFixed(2)} over ${counted[0].length} ${words ? "words" : "tokens"}`;
  };

  attviz.measures = { offer, agreement };
})(globalThis.attviz ??= {});
