// Drawings that are out of date when theme, width or consent change.

const drawings = [];
let printing = false;
const now = () => drawings.forEach((draw) => draw());

export const redraw = {
  on: (draw) => drawings.push(draw),
  now,
  // On paper all of a view is in sight.
  printing: () => printing,
  forPaper: (paper) => {
    printing = paper;
    now();
  },
};
