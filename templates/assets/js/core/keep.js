// Makes elements the children of a place. What stays is not moved: neither page nor keyboard has to find it again.

export const keep = (place, elements) => {
  for (const child of [...place.children]) if (!elements.includes(child)) child.remove();
  elements.forEach((element, i) => {
    if (place.children[i] !== element) place.insertBefore(element, place.children[i] ?? null);
  });
};
