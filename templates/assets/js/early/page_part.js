// A page leaves places for markup that many pages share. They are filled while the page is read: before it is first drawn, so nothing moves.

import { part } from "./part.js";

customElements.define(
  "page-part",
  class extends HTMLElement {
    connectedCallback() {
      this.replaceWith(part(this.getAttribute("name")));
    }
  },
);
