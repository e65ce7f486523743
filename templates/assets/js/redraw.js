// Theme switch and whatever else makes drawings out of date.
((attviz) => {
  "use strict";

  const drawings = [];
  const redraw = () => drawings.forEach((draw) => draw());

  attviz.onRedraw = (draw) => drawings.push(draw);

  attviz.watchTheme = () => {
    const root = document.documentElement;
    document.getElementById("theme-toggle").addEventListener("click", () => {
      root.dataset.theme = attviz.palette.isDark() ? "light" : "dark";
      try { localStorage.setItem("attviz.theme", root.dataset.theme); } catch { /* not remembered, still switched */ }
      redraw();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    // On paper everything is drawn for a light ground.
    let theme;
    addEventListener("beforeprint", () => {
      theme = root.dataset.theme;
      root.dataset.theme = "light";
      redraw();
    });
    addEventListener("afterprint", () => {
      if (theme) root.dataset.theme = theme;
      else delete root.dataset.theme;
      redraw();
    });
    let width = innerWidth;
    let waiting = 0;
    addEventListener("resize", () => {
      if (innerWidth === width) return;
      width = innerWidth;
      clearTimeout(waiting);
      waiting = setTimeout(redraw, 120);
    });
  };

  attviz.watchConsent = () => {
    const box = document.getElementById("consent");
    if (!box) return;
    box.checked = "consent" in document.documentElement.dataset;
    box.addEventListener("change", () => {
      document.documentElement.toggleAttribute("data-consent", box.checked);
      try { localStorage.setItem("attviz.consent", box.checked ? "yes" : "no"); } catch { /* asked again on the next page */ }
      redraw();
    });
  };
})(globalThis.attviz ??= {});
