// The panel that hands out files: a view as SVG, PNG or CSV, the document as AttViz's JSON, the page as one file.
((attviz) => {
  "use strict";

  const byId = (id) => document.getElementById(id);

  const download = (name, type, content) => {
    const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
    Object.assign(document.createElement("a"), { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  };

  const stem = ({ payload }) => `document-${String(payload.number).padStart(6, "0")}`;

  // What a view is handed out as: a picture, drawn when it is asked for, and its numbers. Each gives a name, a type and a content.
  const formats = (name, picture, numbers) => ({
    svg: () => [`${name}.svg`, "image/svg+xml", picture().text],
    png: async () => [`${name}.png`, "image/png", await attviz.pictures.rasterised(picture())],
    csv: () => [`${name}.csv`, "text/csv", numbers()],
  });

  // Hands out what a button of the panel names, of what there is when it is pressed; what fails is told.
  const serve = (panel, offered) => panel.addEventListener("click", async (event) => {
    const { format } = event.target.closest("button")?.dataset ?? {};
    if (!format) return;
    const note = byId("export-note");
    note.textContent = "";
    try {
      download(...await offered()[format]());
    } catch (fault) {
      note.textContent = `Nothing was exported: ${fault.message}.`;
    }
  });

  // `page` gives the document, its payload, its views and what they show, as they are when a button is pressed.
  const create = (panel, page) => {
    panel.append(attviz.part("exports"));
    const select = byId("export-view");
    if (!page().payload.maps.length) select.querySelectorAll("[value=model], [value=head]").forEach((option) => option.remove());
    // No blur covers a file.
    const offer = () => {
      const hidden = attviz.textsHidden();
      panel.querySelectorAll("[data-format]").forEach((button) => { button.disabled = hidden || (button.dataset.format === "csv" && !(select.value in attviz.numbers.TABLES)); });
      byId("export-note").textContent = hidden ? "Files hold the texts unblurred: ask for the texts at the top of the page first." : "";
    };
    select.addEventListener("change", offer);
    if (attviz.single) panel.querySelector("[data-format=page]").hidden = true;
    serve(panel, () => {
      const [now, view, title] = [page(), select.value, `${document.querySelector("h1").textContent.trim()} – ${select.selectedOptions[0].text}`];
      return {
        ...formats(`${stem(now)}-${view}`, () => attviz.pictures.picture(view, title, now), () => attviz.numbers.TABLES[view](now)),
        attviz: () => [`${stem(now)}-attviz.json`, "application/json", attviz.numbers.attvizJson(now)],
        page: async () => [`${stem(now)}.html`, "text/html", await attviz.singleFile.make(now)],
      };
    });
    attviz.onRedraw(offer);
    offer();
  };

  attviz.exportPanel = { create, download, formats, serve };
})(globalThis.attviz ??= {});
