// The files of token-to-token maps: each is a script that hands its content over under a name.

import { load } from "../core/load.js";

const given = {};

export const mapFiles = {
  add: (name, content) => {
    given[name] = content;
  },
  load: async (name) => {
    if (!given[name]) await load(`maps/${name}.js`);
    if (!given[name]) throw new Error(`${name} is not in this file`);
    return given[name];
  },
};
