// Texts as a search compares them: without case and accents.

// Only accents of Latin, Greek and Cyrillic letters are removed: in other scripts such marks are letters of their own.
const fold = (text) => {
  const lower = text.toLowerCase();
  return /[^\0-\x7f]/.test(lower)
    ? lower
        .normalize("NFD")
        .replace(/[\u0300-\u036f]/g, "")
        .normalize("NFC")
    : lower;
};

// Quotes around a phrase are ignored: every search is for a phrase.
const query = (typed) => fold(typed.replace(/^\s*["“”„](.+)["“”]\s*$/, "$1"));

// Converts positions in a folded text to positions in the original text.
const origins = (text, folded) => {
  if (folded.length === text.length) return (place) => place;
  const starts = [];
  let at = 0;
  for (const character of text) {
    for (let i = fold(character).length; i > 0; i--) starts.push(at);
    at += character.length;
  }
  return (place) => starts[place] ?? text.length;
};

// Start and end of every hit of a folded query in a text.
const hits = (text, sought) => {
  if (!sought) return [];
  const folded = fold(text);
  const origin = origins(text, folded);
  const found = [];
  for (let at = folded.indexOf(sought); at >= 0; at = folded.indexOf(sought, at + sought.length)) {
    found.push([origin(at), origin(at + sought.length)]);
  }
  return found;
};

export const search = { fold, query, hits };
