// What readers do on any page: change the theme, ask for texts, print, follow links inside the page.

import { palette } from "../core/palette.js";
import { redraw } from "../core/redraw.js";
import { shownDocument } from "../core/shown_document.js";
import { keyboard } from "./keyboard.js";
import { scrolling } from "./scrolling.js";

const root = document.documentElement;

const remember = (key, value) => {
  try {
    localStorage.setItem(key, value);
  } catch {
    /* forgotten on the next page, still done on this one */
  }
};

const watchTheme = () => {
  document.getElementById("theme-toggle").addEventListener("click", () => {
    root.dataset.theme = palette.isDark() ? "light" : "dark";
    remember("attviz.theme", root.dataset.theme);
    redraw.now();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw.now);
  // On paper everything is drawn for a light background.
  let theme;
  addEventListener("beforeprint", () => {
    theme = root.dataset.theme;
    root.dataset.theme = "light";
    redraw.forPaper(true);
  });
  addEventListener("afterprint", () => {
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
    redraw.forPaper(false);
  });
};

const watchWidth = () => {
  let width = innerWidth;
  let waiting = 0;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(redraw.now, 120);
  });
};

const watchConsent = () => {
  const box = document.getElementById("consent");
  if (!box) return;
  box.checked = "consent" in root.dataset;
  box.addEventListener("change", () => {
    root.toggleAttribute("data-consent", box.checked);
    remember("attviz.consent", box.checked ? "yes" : "no");
    redraw.now();
  });
};

// The address holds the state of the views: a link inside the page must not change it.
const followWithin = (event) => {
  const link = event.target.closest?.("a[href^='#']:not([href*='='])");
  const target = link && document.getElementById(link.hash.slice(1));
  if (!target || !(shownDocument.get() || location.hash.includes("="))) return;
  event.preventDefault();
  const opens = "open" in target;
  if (opens) target.open = true;
  target.scrollIntoView();
  const stop = opens ? target.querySelector("summary") : target;
  // A title takes the focus, so that the Tab key goes on from there.
  if (!opens && !target.hasAttribute("tabindex")) target.tabIndex = -1;
  stop.focus({ preventScroll: true });
};

const start = () => {
  document.addEventListener("click", followWithin);
  watchTheme();
  watchWidth();
  watchConsent();
  keyboard.start();
  scrolling.watch();
};

export const habits = { start };
