// Whether texts that may offend or upset are hidden until the reader asks for them. A blur protects neither speech nor
// files.

const now = () => document.documentElement.matches("[data-sensitive]:not([data-consent])");

export const hiddenTexts = { now, announced: (words) => (now() ? "hidden until you ask for the texts" : words) };
