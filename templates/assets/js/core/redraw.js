// Drawings that are out of date when theme, width or consent change.
((attviz) => {
  "use strict";

  const drawings = [];

  attviz.onRedraw = (draw) => drawings.push(draw);
  attviz.redraw = () => drawings.forEach((draw) => draw());
})(globalThis.attviz ??= {});
