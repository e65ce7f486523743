// Scripts and style sheets that load later. Script elements also work when the page is opened from a file system.

import { pageData } from "../early/page_data.js";

const asked = {};

// Adds a script or a style sheet to the page, once. A page that is a single file already contains all of them.
export const load = (address) =>
  (asked[address] ??= pageData.single
    ? Promise.resolve()
    : new Promise((resolve, reject) => {
        const url = document.body.dataset.root + address;
        const part = address.endsWith(".css")
          ? Object.assign(document.createElement("link"), { rel: "stylesheet", href: url })
          : // In the order in which they were asked for: each finds what it imports.
            Object.assign(document.createElement("script"), { src: url, async: false });
        part.onerror = () => {
          delete asked[address];
          reject(new Error(`${address} is missing beside this page: copy the whole site, not one file of it`));
        };
        part.onload = () => resolve();
        document.head.append(part);
      }));
