// Keys that work on every page, and the panel that lists them.

import { load } from "../core/load.js";
import { shownDocument } from "../core/shown_document.js";
import { pageData } from "../early/page_data.js";
import { part } from "../early/part.js";

// The factor by which each key changes the number of tokens in the plots of a document.
const ZOOM = { "+": 0.5, "-": 2, 0: Infinity };

const isTyping = (target) => target.closest?.("input:not([type=radio], [type=checkbox]), select, textarea");

const follow = (relation) => document.querySelector(`.pager a[rel=${relation}]`)?.click();

// The list of keys loads when it is opened.
const help = async () => {
  const byId = (id) => document.getElementById(id);
  if (!byId("keyboard-help")) {
    await Promise.all(["panels.js", "help.css"].map((file) => load(`assets/${file}`)));
    document.body.append(part("help"));
    byId("help-close").onclick = help;
  }
  if (byId("keyboard-help").open) byId("keyboard-help").close();
  else byId("keyboard-help").showModal();
};

const search = (event) => {
  const field = document.getElementById("search");
  if (!field) return;
  event.preventDefault();
  field.focus();
  field.select();
};

const start = () => {
  let going = false;
  document.getElementById("help-toggle").addEventListener("click", help);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === "Escape") {
      if (isTyping(event.target)) event.target.blur();
      shownDocument.get()?.release();
      return;
    }
    if (isTyping(event.target)) return;
    const root = document.body.dataset.root;
    const wasGoing = going;
    going = event.key === "g";
    if (wasGoing && pageData.keys[event.key]) location.href = root + pageData.keys[event.key];
    else if (event.key === "?") help();
    else if (event.key === "/") search(event);
    else if (event.key === "j") follow("next");
    else if (event.key === "k") follow("prev");
    else if (shownDocument.get() && ZOOM[event.key]) shownDocument.get().magnify(ZOOM[event.key]);
    else if (
      shownDocument.get() &&
      (event.key === "ArrowLeft" || event.key === "ArrowRight") &&
      wantsArrows(event.target)
    ) {
      event.preventDefault();
      shownDocument.get().step(event.key === "ArrowLeft" ? -1 : 1);
    }
  });
};

// Radio buttons and scrolling regions keep the arrow keys while they have the focus.
const wantsArrows = (target) =>
  target === document.body || target.closest(".plot, #text, main") === target || Boolean(target.closest(".plot"));

export const keyboard = { start };
