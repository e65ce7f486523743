// Links to the views of the page. The page reserves their place, so that nothing moves when they come.

import { element } from "../core/element.js";

const VIEWS = "main .view h2[id], #exports";

export const outline = (place) =>
  place.append(
    ...[...document.querySelectorAll(VIEWS)].map((view) => {
      const title = view.querySelector("summary") ?? view;
      return Object.assign(element("a", "", title.textContent.trim()), { href: `#${view.id}` });
    }),
  );
