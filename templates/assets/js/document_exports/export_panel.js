// The export panel of a document's page: a view as SVG, PNG or CSV, the document as JSON for AttViz, the page as one
// file.

import { redraw } from "../core/redraw.js";
import { hiddenTexts } from "../core/hidden_texts.js";
import { pageData } from "../early/page_data.js";
import { part } from "../early/part.js";
import { exportFiles } from "../exports/export_files.js";
import { documentNumbers } from "./document_numbers.js";
import { documentPictures } from "./document_pictures.js";
import { singleFile } from "./single_file.js";

const byId = (id) => document.getElementById(id);

const stem = ({ payload }) => `document-${String(payload.number).padStart(6, "0")}`;

// `page` gives the document, its payload and its views at the moment when a button is pressed.
const create = (panel, page) => {
  panel.append(part("exports"));
  const select = byId("export-view");
  if (!page().payload.maps.length)
    select.querySelectorAll("[value=model], [value=head]").forEach((option) => option.remove());
  // Files are not blurred.
  const offer = () => {
    const hidden = hiddenTexts.now();
    panel.querySelectorAll("[data-format]").forEach((button) => {
      button.disabled = hidden || (button.dataset.format === "csv" && !(select.value in documentNumbers.TABLES));
    });
    byId("export-note").textContent = hidden
      ? "Files contain the texts without blur: ask for the texts at the top of the page first."
      : "";
  };
  select.addEventListener("change", offer);
  if (pageData.single) panel.querySelector("[data-format=page]").hidden = true;
  exportFiles.serve(panel, () => {
    const [now, view, title] = [
      page(),
      select.value,
      `${document.querySelector("h1").textContent.trim()} – ${select.selectedOptions[0].text}`,
    ];
    return {
      ...exportFiles.formats(
        `${stem(now)}-${view}`,
        () => documentPictures.picture(view, title, now),
        () => documentNumbers.TABLES[view](now),
      ),
      attviz: () => [`${stem(now)}-attviz.json`, "application/json", documentNumbers.attvizJson(now)],
      page: async () => [`${stem(now)}.html`, "text/html", await singleFile.make(now)],
    };
  });
  redraw.on(offer);
  offer();
};

export const exportPanel = { create };
