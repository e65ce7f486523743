// Starts what the page needs.
((attviz) => {
  "use strict";

  const PAGES = {
    document: () => {
      attviz.documentTable.followTrail();
      return attviz.documentPage.start();
    },
    documents: () => attviz.documentTable.start(),
    tokens: () => attviz.tokenTable.start(),
    start: () => attviz.headsPage.start(),
    heads: () => attviz.headsPage.start(),
    about: () => attviz.ledgerTable.start(),
  };

  // The page still says what it says without scripts; this tells why it does no more.
  const report = (fault) => {
    const note = document.createElement("p");
    note.className = "note";
    note.setAttribute("role", "alert");
    note.textContent = `The interactive views of this page cannot be drawn (${fault.message}). Try a current browser; if that does not help, render the site again.`;
    document.querySelector("main h1").after(note);
    document.documentElement.classList.remove("scripted");
  };

  const start = async () => {
    attviz.watchTheme();
    attviz.watchConsent();
    attviz.keyboard.start();
    try {
      await PAGES[document.body.dataset.page]?.();
    } catch (fault) {
      report(fault);
    }
    document.documentElement.dataset.ready = "";
  };

  if (globalThis.document) document.addEventListener("DOMContentLoaded", start);
})(globalThis.attviz ??= {});
