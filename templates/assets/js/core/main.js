// Starts the page, then the controls that every page has.

import { element } from "./element.js";
import { late } from "./late.js";
import { load } from "./load.js";
import { pageData } from "../early/page_data.js";
import { pages } from "./pages.js";

const documentSummary = late("documentSummary");
const habits = late("habits");

// The page is readable without scripts. This note says why it has no interactive views.
const report = (fault) => {
  const note = element(
    "p",
    "note",
    `The interactive views of this page cannot be drawn (${fault.message}). ` +
      "Try a current browser; if that does not help, render the site again.",
  );
  note.setAttribute("role", "alert");
  document.querySelector("main h1").after(note);
  document.documentElement.classList.remove("scripted");
};

const start = async () => {
  try {
    await pages.start(document.body.dataset.page);
    await load("assets/page_controls.js");
    habits().start();
  } catch (fault) {
    report(fault);
  }
  document.documentElement.dataset.ready = "";
  // A page that is a single file, as in a notebook, is alone in its frame.
  if (parent === self || pageData.single) return;
  await load("assets/framed.js");
  // Only a page of the same site may read it. Files have no origin, and no site can frame them.
  parent.postMessage(
    { attvizPage: location.href, summary: documentSummary()?.() ?? null },
    location.protocol === "file:" ? "*" : location.origin,
  );
};

if (globalThis.document) document.addEventListener("DOMContentLoaded", start);
