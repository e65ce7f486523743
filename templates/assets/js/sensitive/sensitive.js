// Until a reader asks for the texts of a sensitive study, what others see blurred is not there for assistive technology.

// Pictures of words have no words for it as they are; a place that is hidden anyway stays so.
const PLACES = ":is(.document-text, .token, .inspector-token, #head-grid-subject, .map-table):not([aria-hidden])";
const root = document.documentElement;

// The keyboard does not stop where nothing is read. What a place was is kept with it: a page exported as one file is a
// copy, which gives it back in its turn.
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

// A link or title of nothing but a hidden word has a name all the same.
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
// The box unblurs by itself, also where the page's own scripts fail.
document.addEventListener("change", ({ target }) => {
  if (target.id === "consent") follow();
});
// The page is still being read, and views write more of it later.
new MutationObserver((changes) => {
  if (!withheld()) return;
  for (const { addedNodes } of changes)
    for (const node of addedNodes) if (node.nodeType === Node.ELEMENT_NODE) hideWithin(node);
}).observe(root, { childList: true, subtree: true });
document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-heard]").forEach(rename));
follow();
