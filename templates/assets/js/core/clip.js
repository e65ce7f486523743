// A text of at most `length` characters, cut at the end.

export const clip = (text, length) => {
  const characters = [...text.slice(0, 4 * length)];
  return characters.length <= length && text.length <= 4 * length
    ? text
    : `${characters.slice(0, length - 1).join("")}…`;
};
