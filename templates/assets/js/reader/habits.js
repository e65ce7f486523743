// What readers do on any page: switch the theme, ask for texts, print, follow links within the page.
((attviz) => {
  "use strict";

  const root = document.documentElement;

  const remember = (key, value) => {
    try { localStorage.setItem(key, value); } catch { /* forgotten on the next page, still done on this one */ }
  };

  const watchTheme = () => {
    document.getElementById("theme-toggle").addEventListener("click", () => {
      root.dataset.theme = attviz.palette.isDark() ? "light" : "dark";
      remember("attviz.theme", root.dataset.theme);
      attviz.redraw();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", attviz.redraw);
    // On paper everything is drawn for a light ground.
    let theme;
    addEventListener("beforeprint", () => {
      theme = root.dataset.theme;
      attviz.printing = true;
      root.dataset.theme = "light";
      attviz.redraw();
    });
    addEventListener("afterprint", () => {
      attviz.printing = false;
      if (theme) root.dataset.theme = theme;
      else delete root.dataset.theme;
      attviz.redraw();
    });
  };

  const watchWidth = () => {
    let width = innerWidth;
    let waiting = 0;
    addEventListener("resize", () => {
      if (innerWidth === width) return;
      width = innerWidth;
      clearTimeout(waiting);
      waiting = setTimeout(attviz.redraw, 120);
    });
  };

  const watchConsent = () => {
    const box = document.getElementById("consent");
    if (!box) return;
    box.checked = "consent" in root.dataset;
    box.addEventListener("change", () => {
      root.toggleAttribute("data-consent", box.checked);
      remember("attviz.consent", box.checked ? "yes" : "no");
      attviz.redraw();
    });
  };

  // The address holds the state of a page's views: a link within such a page leads there without changing it.
  const followWithin = (event) => {
    const link = event.target.closest?.("a[href^='#']:not([href*='='])");
    const target = link && document.getElementById(link.hash.slice(1));
    if (!target || !(attviz.document || location.hash.includes("="))) return;
    event.preventDefault();
    const opens = "open" in target;
    if (opens) target.open = true;
    target.scrollIntoView();
    (opens ? target.querySelector("summary") : target).focus();
  };

  attviz.startHabits = () => {
    document.addEventListener("click", followWithin);
    watchTheme();
    watchWidth();
    watchConsent();
    attviz.keyboard.start();
    attviz.scrolling.watch();
  };
})(globalThis.attviz ??= {});
