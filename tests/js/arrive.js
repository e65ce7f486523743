// Stands for a bundle that a page loads later: from now on `late` finds these exports.
export const arrive = (exports) => {
  globalThis.attviz = { ...globalThis.attviz, ...exports };
};
