// How many pixels of the screen make one pixel of the page.

export const pixelRatio = () => Math.max(1, globalThis.devicePixelRatio || 1);
