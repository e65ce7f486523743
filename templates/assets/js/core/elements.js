// What pages are made of: elements, and the short forms of texts and heads.
((attviz) => {
  "use strict";

  attviz.element = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  // Makes elements the children of a place. What stays is not moved: neither page nor keyboard has to find it again.
  attviz.keep = (place, elements) => {
    for (const child of [...place.children]) if (!elements.includes(child)) child.remove();
    elements.forEach((element, i) => { if (place.children[i] !== element) place.insertBefore(element, place.children[i] ?? null); });
  };

  attviz.pixelRatio = () => Math.max(1, globalThis.devicePixelRatio || 1);

  // Fits a canvas to a place and to the screen's pixels, and clears it; a new size costs more than a reset.
  attviz.fit = (canvas, width, height) => {
    const ratio = attviz.pixelRatio();
    const size = { width: Math.round(width * ratio), height: Math.round(height * ratio) };
    const context = canvas.getContext("2d");
    if (canvas.width === size.width && canvas.height === size.height) context.reset();
    else Object.assign(canvas, size);
    Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    return context;
  };

  // A text of at most so many characters, cut at the end.
  attviz.clip = (text, length) => {
    const characters = [...text.slice(0, 4 * length)];
    return characters.length <= length && text.length <= 4 * length ? text : `${characters.slice(0, length - 1).join("")}…`;
  };

  // A file of another tool names neither layers nor heads: its vectors are only counted.
  attviz.headName = (row, heads, vectors) => (vectors ? `V${row}` : `L${Math.floor(row / heads)}·H${row % heads}`);
})(globalThis.attviz ??= {});
