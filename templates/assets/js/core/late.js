// Exports of bundles that load after this one, or never. `late("series")` is a function that returns the export
// `series`, or undefined while its bundle has not loaded.

export const late = (name) => () => globalThis.attviz?.[name];
