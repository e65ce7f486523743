// A copy of markup that comes in a script because many pages share it.

import { pageData } from "./page_data.js";

export const part = (name) => {
  const made = document.createElement("template");
  made.innerHTML = pageData.parts[name];
  return made.content;
};
