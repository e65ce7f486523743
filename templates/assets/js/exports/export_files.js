// Offers files for download: a picture as SVG or PNG, its numbers as CSV.

import { pictures } from "./pictures.js";

const byId = (id) => document.getElementById(id);

const download = (name, type, content) => {
  const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
};

// The formats of a view. Each gives a file name, a type and the content, made when it is asked for.
const formats = (name, picture, numbers) => ({
  svg: () => [`${name}.svg`, "image/svg+xml", picture().text],
  png: async () => [`${name}.png`, "image/png", await pictures.rasterised(picture())],
  csv: () => [`${name}.csv`, "text/csv", numbers()],
});

// Downloads the format that a pressed button names. A failure is shown beside the buttons.
const serve = (panel, offered) =>
  panel.addEventListener("click", async (event) => {
    const { format } = event.target.closest("button")?.dataset ?? {};
    if (!format) return;
    const note = byId("export-note");
    note.textContent = "";
    try {
      download(...(await offered()[format]()));
    } catch (fault) {
      note.textContent = `Nothing was exported: ${fault.message}.`;
    }
  });

export const exportFiles = { download, formats, serve };
