// Texts that may offend or upset wait until the reader asks for them; a blur reaches neither voices nor files.

const now = () => document.documentElement.matches("[data-sensitive]:not([data-consent])");

export const hiddenTexts = { now, announced: (words) => (now() ? "hidden until you ask for the texts" : words) };
