// The page as one file that works alone: it contains styles, scripts, numbers and maps, and links to nothing else.

import { load } from "../core/load.js";
import { mapFiles } from "../document_views/map_files.js";
import { documentPage } from "../document/document_page.js";
import { pageData } from "../early/page_data.js";

const digest = async (text) => {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return `'sha256-${btoa(String.fromCharCode(...bytes))}'`;
};

const element = (tag, content) => Object.assign(document.createElement(tag), { textContent: content });
const json = (value) => JSON.stringify(value).replaceAll("<", "\\u003c");

// Only scripts and styles inside the file may run.
const policy = async (scripts, styles) => {
  const [codes, looks] = await Promise.all([scripts, styles].map((texts) => Promise.all(texts.map(digest))));
  const own = `script-src ${codes.join(" ")}; style-src ${looks.join(" ")}; img-src data:`;
  return `default-src 'none'; ${own}; base-uri 'none'; form-action 'none'`;
};

const withoutLinks = (root) => {
  root
    .querySelectorAll("link, script[src], noscript, .site-header nav, [rel=prev], [rel=next]")
    .forEach((found) => found.remove());
  root.querySelectorAll("a[href]:not([href^='#'])").forEach((link) => link.removeAttribute("href"));
  return root;
};

const loadedMaps = async (payload) => {
  const names = payload.maps.flatMap(({ name }) =>
    [0, ...payload.mapModels].map((model) => mapFiles.ofModel(name, model)),
  );
  const maps = await Promise.all(names.map(async (name) => [name, await mapFiles.load(name)]));
  return maps.map(([name, content]) => `attviz.mapFiles.add(${json(name)},${json(content)});`);
};

const make = async ({ payload }) => {
  await load("assets/sources.js");
  const { sources } = pageData;
  const root = withoutLinks(documentPage.pristine().cloneNode(true));
  // Remove this reader's settings: whoever opens the file is asked again.
  for (const own of ["class", "data-theme", "data-consent"]) root.removeAttribute(own);
  // All in their order, but the warning of sensitive words only where it is needed.
  const [looks, codes] = [".css", ".js"].map((kind) => Object.keys(sources).filter((name) => name.endsWith(kind)));
  const needed = codes.filter(
    (name) => name !== "early.js" && (name !== "sensitive.js" || "sensitive" in root.dataset),
  );
  const styles = looks.map((name) => sources[name]);
  const begin = `Object.assign(attviz.pageData,${json({ single: { hash: location.hash }, shared: pageData.shared })});`;
  const scripts = [begin, ...needed.map((name) => sources[name]), ...(await loadedMaps(payload))];
  root.querySelector("meta[http-equiv]").content = await policy([sources["early.js"], ...scripts], styles);
  root
    .querySelector("head")
    .append(...styles.map((text) => element("style", text)), element("script", sources["early.js"]));
  root.querySelector("body").append(...scripts.map((text) => element("script", text)));
  // An HTML parser reads a lone carriage return as a line feed, which would shift offsets.
  return `<!doctype html>\n${root.outerHTML.replaceAll("\r", "&#13;")}\n`;
};

export const singleFile = { make };
