// Hides blurred texts of a sensitive study from screen readers until the reader asks for the texts.

// Labels of pictures hold no words of the text while it is hidden. A place that is hidden anyway is left alone.
const PLACES = ":is(.document-text, .token, .inspector-token, #head-grid-subject, .map-table):not([aria-hidden])";
const root = document.documentElement;

// The Tab key skips hidden places. Each place keeps its former tabindex as data: a page that is exported as one file is
// a copy of the document, and can restore it too.
const hide = (place) => {
  place.dataset.heard = place.tabIndex >= 0 ? (place.getAttribute("tabindex") ?? "natural") : "";
  place.ariaHidden = "true";
  if (place.dataset.heard) place.tabIndex = -1;
};

const give = (place) => {
  const { heard } = place.dataset;
  place.removeAttribute("aria-hidden");
  if (heard === "natural") place.removeAttribute("tabindex");
  else if (heard) place.setAttribute("tabindex", heard);
  delete place.dataset.heard;
};

// A link or title that holds only a hidden word still needs a name.
const rename = (place) => {
  const owner = place.parentElement?.closest("a, button, th, h2");
  if (!owner || owner.textContent.trim() !== place.textContent.trim()) return;
  const words = Object.assign(document.createElement("span"), {
    className: "visually-hidden",
    textContent: "hidden word",
  });
  words.dataset.standIn = "";
  owner.append(words);
};

const withheld = () => root.matches("[data-sensitive]:not([data-consent], :has(#consent:checked))");

const hideWithin = (part) => {
  const places = [...(part.matches(PLACES) ? [part] : []), ...part.querySelectorAll(PLACES)];
  places.forEach(hide);
  if (document.readyState !== "loading") places.forEach(rename);
};

const follow = () => {
  if (withheld()) hideWithin(root);
  else {
    document.querySelectorAll("[data-heard]").forEach(give);
    document.querySelectorAll("[data-stand-in]").forEach((words) => words.remove());
  }
};

new MutationObserver(follow).observe(root, { attributes: true, attributeFilter: ["data-consent"] });
// The checkbox removes the blur by style alone, even if the page's scripts fail: follow it in the same way.
document.addEventListener("change", ({ target }) => {
  if (target.id === "consent") follow();
});
// The parser is still adding elements, and views add more later.
new MutationObserver((changes) => {
  if (!withheld()) return;
  for (const { addedNodes } of changes)
    for (const node of addedNodes) if (node.nodeType === Node.ELEMENT_NODE) hideWithin(node);
}).observe(root, { childList: true, subtree: true });
document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-heard]").forEach(rename));
follow();
