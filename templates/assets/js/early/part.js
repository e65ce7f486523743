// A copy of shared markup, which arrives in a script.

import { pageData } from "./page_data.js";

export const part = (name) => {
  const made = document.createElement("template");
  made.innerHTML = pageData.parts[name];
  return made.content;
};
