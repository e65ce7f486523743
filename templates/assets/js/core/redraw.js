// Drawings that must be drawn again when theme, width or consent change.

const drawings = [];
let printing = false;
const now = () => drawings.forEach((draw) => draw());

export const redraw = {
  on: (draw) => drawings.push(draw),
  now,
  // On paper a view shows all of its content.
  printing: () => printing,
  forPaper: (paper) => {
    printing = paper;
    now();
  },
};
