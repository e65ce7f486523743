// Fades the edge of a box that scrolls sideways, because narrow screens show no scroll bar.

const SLACK = 2;

// The sides on which there is more to see.
const more = ({ scrollLeft, scrollWidth, clientWidth }) =>
  [Math.abs(scrollLeft) > SLACK ? "start" : "", Math.abs(scrollLeft) + clientWidth < scrollWidth - SLACK ? "end" : ""]
    .filter(Boolean)
    .join(" ");

const mark = (box) => {
  const sides = more(box);
  if (sides) box.dataset.more = sides;
  else delete box.dataset.more;
};

// On narrow screens the name of the page itself can be outside of the bar.
const showCurrent = () => {
  const current = document.querySelector(".site-header nav [aria-current]");
  if (!current) return;
  const bar = current.parentElement;
  bar.scrollLeft = current.offsetLeft - bar.offsetLeft - (bar.clientWidth - current.offsetWidth) / 2;
};

const watch = () => {
  const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => mark(target.closest(BOXES))));
  const known = new WeakSet();
  const look = () =>
    document.querySelectorAll(BOXES).forEach((box) => {
      if (known.has(box)) return;
      known.add(box);
      box.addEventListener("scroll", () => mark(box), { passive: true });
      for (const part of [box, ...box.children]) sizes.observe(part);
    });
  look();
  showCurrent();
  new MutationObserver(look).observe(document.getElementById("main"), { childList: true, subtree: true });
};

const BOXES = ".table-scroll, .site-header nav, #outline";

export const scrolling = { more, watch };
