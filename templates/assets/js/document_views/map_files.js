// Files of token-to-token maps. Each is a script that passes its content under a name.

import { load } from "../core/load.js";

const given = {};

export const mapFiles = {
  // Name of the file of a window's map in another model; number 0 is the study's own.
  ofModel: (name, model) => (model ? `${name}-M${String(model).padStart(2, "0")}` : name),
  add: (name, content) => {
    given[name] = content;
  },
  load: async (name) => {
    if (!given[name]) await load(`maps/${name}.js`);
    if (!given[name]) throw new Error(`${name} is not in this file`);
    return given[name];
  },
};
