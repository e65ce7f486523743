// Edits a pinned row: its name, its marks in the text, and whether views show it.

import { element } from "../core/element.js";
import { pinnedRows } from "../document/pinned_rows.js";

export const pinEditor = (pin, field) => {
  const box = element("div", "pin-editor");
  const rename = Object.assign(field("text", "name"), { maxLength: 40, ariaLabel: `Name of ${pin.name}` });
  const marks = Object.values(pinnedRows.FLAGS).map((flag) => {
    const label = element("label");
    label.append(field("checkbox", flag), flag === "hidden" ? "hide" : flag);
    return label;
  });
  box.append(rename, ...marks);
  return box;
};
