// Makes `elements` the children of `place`. Elements that stay are not moved, so that scrolling and focus are kept.

export const keep = (place, elements) => {
  for (const child of [...place.children]) if (!elements.includes(child)) child.remove();
  elements.forEach((element, i) => {
    if (place.children[i] !== element) place.insertBefore(element, place.children[i] ?? null);
  });
};
