// Numbers of layers and heads beside a layer x head grid of buttons.

const MOST = 16;

export const gridLabels = (grid, doc) => {
  // Of many rows or columns, only every second, third, ... has a number, so that numbers do not touch.
  const [layers, heads] = [doc.layers, doc.heads].map((n) => Math.ceil(n / MOST));
  [...grid.children].forEach((button, row) => {
    const [layer, head] = [Math.floor(row / doc.heads), row % doc.heads];
    if (!head && layer % layers === 0) button.dataset.layer = `L${layer}`;
    if (!layer && doc.heads > 1 && head % heads === 0) button.dataset.head = head;
  });
};
