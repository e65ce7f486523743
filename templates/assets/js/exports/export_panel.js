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

  const FORMATS = {
    svg: async (view, title, page) => download(`${stem(page)}-${view}.svg`, "image/svg+xml", attviz.pictures.picture(view, title, page).text),
    png: async (view, title, page) => download(`${stem(page)}-${view}.png`, "image/png", await attviz.pictures.rasterised(attviz.pictures.picture(view, title, page))),
    csv: async (view, title, page) => download(`${stem(page)}-${view}.csv`, "text/csv", attviz.numbers.TABLES[view](page)),
    attviz: async (view, title, page) => download(`${stem(page)}-attviz.json`, "application/json", attviz.numbers.attvizJson(page)),
    page: async (view, title, page) => download(`${stem(page)}.html`, "text/html", await attviz.singleFile.make(page)),
  };

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
    panel.addEventListener("click", async (event) => {
      const { format } = event.target.closest("button")?.dataset ?? {};
      if (!format) return;
      byId("export-note").textContent = "";
      try {
        await FORMATS[format](select.value, `${document.querySelector("h1").textContent.trim()} – ${select.selectedOptions[0].text}`, page());
      } catch (fault) {
        byId("export-note").textContent = `Nothing was exported: ${fault.message}.`;
      }
    });
    attviz.onRedraw(offer);
    offer();
  };

  attviz.exportPanel = { create };
})(globalThis.attviz ??= {});
