// The state of a view in the address: #key=value&key=value. Unknown keys are left alone.

import { pageData } from "../early/page_data.js";

const parse = (hash) => Object.fromEntries(new URLSearchParams(hash.replace(/^#/, "")));

// Only what differs from the defaults is written, in a fixed order; commas and tildes stay readable.
const serialise = (values, defaults) => {
  const params = new URLSearchParams();
  for (const key of Object.keys(values).sort()) {
    if (String(values[key]) !== String(defaults[key])) params.set(key, values[key]);
  }
  const text = params.toString().replaceAll("%2C", ",").replaceAll("%7E", "~");
  return text ? `#${text}` : "";
};

// An address, with what belongs to one document alone (held token, zoom, open map) from another.
const merged = (shared, own) => {
  const { t, z, map, window } = parse(own);
  return serialise({ ...parse(shared), t, z, map, window }, {});
};

const create = (defaults, place = globalThis) => {
  // A page that is a single file begins with the state that it was exported in.
  let values = { ...defaults, ...parse(place.location.hash || (pageData.single?.hash ?? "")) };
  const listeners = [];
  const tell = (changed) => listeners.forEach((listener) => listener(values, changed));
  const set = (changes) => {
    const changed = Object.keys(changes).filter((key) => String(values[key]) !== String(changes[key]));
    if (!changed.length) return;
    values = { ...values, ...changes };
    const { pathname, search } = place.location;
    place.history.replaceState(
      place.history.state,
      "",
      serialise(values, defaults) || pathname.split("/").pop() + search || ".",
    );
    tell(changed);
    // Beside another page, what a reader sets here is set there, too.
    if (place.parent && place.parent !== place) place.parent.postMessage({ attviz: serialise(values, defaults) }, "*");
  };
  place.addEventListener("hashchange", () => {
    const next = { ...defaults, ...parse(place.location.hash) };
    const changed = Object.keys({ ...values, ...next }).filter((key) => String(values[key]) !== String(next[key]));
    values = next;
    if (changed.length) tell(changed);
  });
  return { get: (key) => values[key], set, subscribe: (listener) => listeners.push(listener) };
};

export const addressState = { parse, serialise, merged, create };
