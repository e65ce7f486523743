// Markup that many pages share comes in scripts. A page leaves places for it, which are filled while the page is read:
// before it is first drawn, so nothing moves.
((attviz) => {
  "use strict";

  attviz.part = (name) => {
    const made = document.createElement("template");
    made.innerHTML = attviz.parts[name];
    return made.content;
  };

  customElements.define("page-part", class extends HTMLElement {
    connectedCallback() { this.replaceWith(attviz.part(this.getAttribute("name"))); }
  });
})(globalThis.attviz ??= {});
