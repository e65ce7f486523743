// Views that load when the reader scrolls near them, and panels that load when they are opened.

import { element } from "../core/element.js";
import { load } from "../core/load.js";

const fail = (place) => (fault) => place.append(element("p", "note", `This part cannot be shown: ${fault.message}.`));

const loadAll = (...files) => Promise.all(["panels.js", ...files].map((file) => load(`assets/${file}`)));

// A view whose scripts load when the reader scrolls near it, or at once if the address asks for it.
const whenNear = (place, files, create, atOnce) => {
  let view = null;
  let drawn = null;
  const start = () =>
    loadAll(...files)
      .then(() => {
        view = create();
        view.draw(drawn);
      })
      .catch(fail(place));
  const watch = new IntersectionObserver(
    (entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      watch.disconnect();
      start();
    },
    { rootMargin: "600px 0px" },
  );
  const made = () => {
    if (!view) throw new Error("this part is not loaded yet: scroll to it first");
    return view;
  };
  if (atOnce) start();
  else watch.observe(place);
  return {
    draw: (next) => {
      drawn = next;
      view?.draw(next);
    },
    cursor: (now) => view?.cursor(now),
    picture: (part) => made().picture(part),
    csv: () => made().csv(),
  };
};

// Loads the scripts of a panel and fills it when the reader opens it for the first time.
const whenOpened = (details, names, fill) => {
  details.addEventListener(
    "toggle",
    () =>
      loadAll(...names.map((name) => `${name}.js`))
        .then(() => fill(details))
        .catch(fail(details)),
    { once: true },
  );
};

export const onDemand = { whenNear, whenOpened };
