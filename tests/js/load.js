// Loads sources of the site as a page does: in one scope, all on one global object.
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");

const FOLDER = path.join(__dirname, "..", "..", "templates", "assets", "js");

module.exports = (...names) => {
  for (const name of names) vm.runInThisContext(fs.readFileSync(path.join(FOLDER, `${name}.js`), "utf8"), { filename: name });
  return globalThis.attviz;
};
