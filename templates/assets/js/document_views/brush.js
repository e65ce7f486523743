// Hovering over a plot, and dragging along x to choose a range of tokens. A press without a drag is a click.

const MIN_DRAG = 6;

export const brush = (place, plot, { hover, click, choose }) => {
  const box = Object.assign(document.createElement("div"), { className: "brush", hidden: true });
  place.append(box);
  let from = null;
  const inside = (x) => Math.max(plot.left, Math.min(plot.width - plot.right - 1, x));
  const stop = () => {
    from = null;
    box.hidden = true;
  };
  place.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    from = event.offsetX;
    place.setPointerCapture(event.pointerId);
  });
  place.addEventListener("pointermove", (event) => {
    hover(event);
    if (from === null || Math.abs(event.offsetX - from) < MIN_DRAG) return;
    const [start, end] = [from, event.offsetX].map(inside).sort((a, b) => a - b);
    box.hidden = false;
    box.style.left = `${start}px`;
    box.style.width = `${end - start}px`;
  });
  place.addEventListener("pointerup", (event) => {
    if (from === null) return;
    const [first, last] = [from, event.offsetX].map((x) => plot.tokenAt(inside(x))).sort((a, b) => a - b);
    if (Math.abs(event.offsetX - from) < MIN_DRAG) click(event);
    else choose(first, last + 1);
    stop();
  });
  place.addEventListener("pointercancel", stop);
  place.addEventListener("pointerleave", () => {
    if (from === null) hover(null);
  });
};
