// What is there only once a bundle has come that the page loads later, or not at all. `late("series")` is a function: it
// returns the export `series`, and undefined until then.

export const late = (name) => () => globalThis.attviz?.[name];
