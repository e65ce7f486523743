// The state of a view in the address: #key=value&key=value. Unknown keys are kept.

import { pageData } from "../early/page_data.js";

const parse = (hash) => Object.fromEntries(new URLSearchParams(hash.replace(/^#/, "")));

// Writes only what differs from the defaults, in a fixed order. Commas and tildes stay readable.
const serialise = (values, defaults) => {
  const params = new URLSearchParams();
  for (const key of Object.keys(values).sort()) {
    if (String(values[key]) !== String(defaults[key])) params.set(key, values[key]);
  }
  const text = params.toString().replaceAll("%2C", ",").replaceAll("%7E", "~");
  return text ? `#${text}` : "";
};

// The shared state of one address, with what belongs to one document (held token, zoom, open map) from another.
const merged = (shared, own) => {
  const { t, z, map, window } = parse(own);
  return serialise({ ...parse(shared), t, z, map, window }, {});
};

const create = (defaults, place = globalThis) => {
  // A page that is a single file starts in the state in which it was exported.
  let values = { ...defaults, ...parse(place.location.hash || (pageData.single?.hash ?? "")) };
  const listeners = [];
  const notify = (changed) => listeners.forEach((listener) => listener(values, changed));
  const set = (changes) => {
    const changed = Object.keys(changes).filter((key) => String(values[key]) !== String(changes[key]));
    if (!changed.length) return;
    values = { ...values, ...changes };
    // The whole address: in the frame of a notebook, a relative one belongs to the page around it.
    const address = place.location.href.split("#")[0];
    place.history.replaceState(place.history.state, "", address + serialise(values, defaults));
    notify(changed);
    // Beside another page, a choice here is made there too.
    if (place.parent && place.parent !== place && !pageData.single)
      place.parent.postMessage({ attviz: serialise(values, defaults) }, "*");
  };
  place.addEventListener("hashchange", () => {
    const next = { ...defaults, ...parse(place.location.hash) };
    const changed = Object.keys({ ...values, ...next }).filter((key) => String(values[key]) !== String(next[key]));
    values = next;
    if (changed.length) notify(changed);
  });
  return { get: (key) => values[key], set, subscribe: (listener) => listeners.push(listener) };
};

export const addressState = { parse, serialise, merged, create };
