// The tokens of one window by their position in it, and their position in the document.

export const windowTokens = (doc, { first, kept, special, tokens }, second) => {
  const isSpecial = (index) => special[index] !== undefined;
  const isKept = (index) => index >= kept[0] && index < kept[1];
  // -1 for special tokens that only this window has. Tokens that are counted in another window are still the
  // document's.
  const placed = (index) => (isKept(index) || (!isSpecial(index) && first + index < doc.tokens) ? first + index : -1);
  return {
    length: tokens,
    special: isSpecial,
    word: (index) => special[index] ?? doc.word(first + index),
    placed,
    at: (token) => {
      const index = token - first;
      return token >= 0 && index >= 0 && index < tokens && placed(index) === token ? index : -1;
    },
    segment: (index) => (isSpecial(index) ? -1 : second !== null && first + index >= second ? 1 : 0),
  };
};
