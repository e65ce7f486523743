// Previous and next lead through the list that the reader came from: what the filtered index left behind.
((attviz) => {
  "use strict";

  const read = () => {
    try {
      return (sessionStorage.getItem(attviz.trail.keyOf("..")) ?? "").split(",").filter(Boolean).map(Number);
    } catch { return []; }
  };

  attviz.followOwnList = () => {
    const trail = read();
    const at = trail.indexOf(Number(/(\d+)\.html$/.exec(location.pathname)?.[1]));
    if (at < 0) return;
    const pager = document.querySelector(".pager");
    const link = (index, relation, text) => {
      const known = trail[index] !== undefined;
      const made = attviz.element(known ? "a" : "span", known ? "" : "off", text);
      return known ? Object.assign(made, { href: `../${attviz.trail.page(trail[index])}`, rel: relation }) : made;
    };
    pager.firstElementChild.replaceWith(link(at - 1, "prev", "← Previous"));
    pager.lastElementChild.replaceWith(link(at + 1, "next", "Next →"));
    pager.querySelector(".trail").textContent = ` · ${attviz.scale.count(at + 1)} of ${attviz.scale.count(trail.length)} in your list`;
  };
})(globalThis.attviz ??= {});
