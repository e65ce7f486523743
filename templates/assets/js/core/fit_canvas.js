// Resizes a canvas to a place and the screen's pixels, and clears it. A new size costs more than a reset.

import { pixelRatio } from "./pixel_ratio.js";

export const fitCanvas = (canvas, width, height) => {
  const ratio = pixelRatio();
  const size = { width: Math.round(width * ratio), height: Math.round(height * ratio) };
  const context = canvas.getContext("2d");
  if (canvas.width === size.width && canvas.height === size.height) context.reset();
  else Object.assign(canvas, size);
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
};
