// Scripts that arrive later, which also open from a file system: parts of a page, and what these show.
((attviz) => {
  "use strict";

  const asked = {};
  const given = {};

  // Adds a script or a style sheet to the page, once; a page that is a single file has all of its own.
  const load = (address) => asked[address] ??= attviz.single ? Promise.resolve() : new Promise((resolve, reject) => {
    const url = document.body.dataset.root + address;
    const part = address.endsWith(".css")
      ? Object.assign(document.createElement("link"), { rel: "stylesheet", href: url })
      : Object.assign(document.createElement("script"), { src: url });
    part.onerror = () => {
      delete asked[address];
      reject(new Error(`${address} is missing beside this page: copy the whole site, not one file of it`));
    };
    part.onload = () => resolve();
    document.head.append(part);
  });

  // Maps hand their content over under a name.
  attviz.maps = {
    add: (name, content) => { given[name] = content; },
    load: async (name) => {
      if (!given[name]) await load(`maps/${name}.js`);
      if (!given[name]) throw new Error(`${name} is not in this file`);
      return given[name];
    },
  };

  attviz.load = load;
})(globalThis.attviz ??= {});
