// The layer x head grid of the whole study: colours its cells by the chosen moment; a small one has titles instead of numbers.
((attviz) => {
  "use strict";

  const start = () => {
    const links = [...document.querySelectorAll("#head-table a")];
    const state = attviz.state.create({ moment: "mean" });
    const inputs = [...document.querySelectorAll("input[name=moment]")];
    const draw = () => {
      const moment = inputs.some(({ value }) => value === state.get("moment")) ? state.get("moment") : "mean";
      inputs.forEach((input) => { input.checked = input.value === moment; });
      const values = links.map((link) => Number(link.dataset[moment]));
      const [low, high] = [Math.max(1e-12, Math.min(...values)), Math.max(...values)];
      const { css } = attviz.palette.current();
      const place = attviz.palette.placer(low, high);
      links.forEach((link, i) => {
        const code = place(values[i]);
        link.style.backgroundColor = css[code];
        if (link.title) return;
        link.textContent = attviz.scale.significant(values[i]);
        link.style.color = attviz.palette.inkOn(css[code]);
        link.setAttribute("aria-label", `${link.getAttribute("aria-label").split(", ").slice(0, 2).join(", ")}, ${moment} ${link.textContent}`);
      });
      const legend = document.getElementById("legend-text");
      if (legend) legend.textContent = `${attviz.scale.significant(low)} to ${attviz.scale.significant(high)}, logarithmic colours`;
    };
    inputs.forEach((input) => input.addEventListener("change", () => state.set({ moment: input.value })));
    state.subscribe(draw);
    attviz.onRedraw(draw);
    draw();
  };

  attviz.headsPage = { start };
})(globalThis.attviz ??= {});
