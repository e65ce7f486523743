// Fills the places for markup that many pages share. It runs while the page is parsed, before the first drawing, so
// that nothing moves.

import { part } from "./part.js";

customElements.define(
  "page-part",
  class extends HTMLElement {
    connectedCallback() {
      this.replaceWith(part(this.getAttribute("name")));
    }
  },
);
