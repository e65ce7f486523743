// Arrow keys move within a layer x head grid of buttons.

const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

export const gridKeys = (grid, doc) =>
  grid.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    const row = Number(event.target.dataset?.row ?? -1);
    if (!step || row < 0) return;
    event.preventDefault();
    event.stopPropagation();
    const [layer, head] = [Math.floor(row / doc.heads) + step[0], (row % doc.heads) + step[1]];
    if (layer < 0 || layer >= doc.layers || head < 0 || head >= doc.heads) return;
    for (const button of grid.children) button.tabIndex = -1;
    const next = grid.children[layer * doc.heads + head];
    next.tabIndex = 0;
    next.focus();
  });
