// Tokens in lines, like the text, with rows of values below each. Lines out of sight have no canvas.

import { clip } from "../core/clip.js";
import { element } from "../core/element.js";
import { redraw } from "../core/redraw.js";
import { plotCanvas } from "../document/plot_canvas.js";
import { overview } from "./overview.js";
import { sequenceRows } from "./sequence_rows.js";

const LEFT = 60;
const TEXT_HEIGHT = 20;
const LINE_GAP = 14;

// The layout: x of each token, and the first token of each line.
const layOut = (widths, room) => {
  const x = new Float64Array(widths.length);
  const firsts = [0];
  let at = 0;
  widths.forEach((width, token) => {
    if (at + width > room && at > 0) {
      firsts.push(token);
      at = 0;
    }
    x[token] = at;
    at += width;
  });
  return { x, firsts };
};

const lineOf = (firsts, token) => {
  let [low, high] = [0, firsts.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (firsts[middle] <= token) low = middle;
    else high = middle - 1;
  }
  return low;
};

const create = (place, doc, cursor) => {
  place.setAttribute("role", "img");
  let view = null;
  let rows = [];
  let layout = null;
  let widths = [];
  let lineHeight = 0;
  let laidOutFor = 0;
  let lines = [];
  const mark = Object.assign(document.createElement("div"), { className: "line-cursor", hidden: true });
  const ruler = document.createElement("canvas").getContext("2d");

  const paint = (canvas, line) => {
    const context = plotCanvas.fit(canvas, view.width, lineHeight);
    const last = layout.firsts[line + 1] ?? doc.tokens;
    context.textBaseline = "middle";
    for (let token = layout.firsts[line]; token < last; token++) {
      const x = LEFT + layout.x[token];
      context.font = `13px ${view.colours.font}`;
      context.fillStyle = doc.special[token] ? view.colours.muted : view.colours.ink;
      context.textAlign = "left";
      context.fillText(clip(doc.word(token), 24), x, TEXT_HEIGHT / 2);
      if (doc.windows.includes(token)) windowMark(context, x);
      let y = TEXT_HEIGHT;
      for (const row of rows) {
        y += row.gap;
        row.draw(context, token, x, y, widths[token] - 3, row.height);
        y += row.height;
      }
    }
    paintLabels(context);
  };

  const windowMark = (context, x) => {
    context.save();
    context.setLineDash([3, 3]);
    context.strokeStyle = view.colours.cursor;
    context.beginPath();
    context.moveTo(x - 3, 0);
    context.lineTo(x - 3, lineHeight);
    context.stroke();
    context.restore();
  };

  const paintLabels = (context) => {
    let y = TEXT_HEIGHT;
    context.textAlign = "right";
    for (const row of rows) {
      y += row.gap;
      context.font = `${row.colour ? "600 " : ""}${Math.min(10, row.height + 1)}px ${view.colours.font}`;
      context.fillStyle = row.colour ?? view.colours.muted;
      if (row.label) context.fillText(clip(row.label, 14), LEFT - 8, y + Math.max(row.height, 6) / 2, LEFT - 8);
      y += row.height;
    }
  };

  // Draws a line, on a new canvas if it has none.
  const show = (line) => {
    if (!line.firstChild) line.append(document.createElement("canvas"));
    paint(line.firstChild, Number(line.dataset.line));
  };

  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) target.replaceChildren();
        else if (!target.firstChild) show(target);
      }
    },
    { rootMargin: "500px 0px" },
  );

  const rowAt = (offsetY) => {
    let y = TEXT_HEIGHT;
    for (const row of rows) {
      y += row.gap + row.height;
      if (offsetY < y) return offsetY >= TEXT_HEIGHT ? row.row : -1;
    }
    return -1;
  };

  const hit = (event) => {
    const line = Number(event.target.closest(".token-line")?.dataset.line ?? -1);
    if (line < 0) return [-1, -1];
    const last = layout.firsts[line + 1] ?? doc.tokens;
    for (let token = last - 1; token >= layout.firsts[line]; token--) {
      if (event.offsetX >= LEFT + layout.x[token])
        return [event.offsetX < LEFT + layout.x[token] + widths[token] ? token : -1, rowAt(event.offsetY)];
    }
    return [-1, -1];
  };

  place.addEventListener("pointermove", (event) => cursor.hover(...hit(event)));
  place.addEventListener("pointerleave", () => cursor.hover(-1));
  place.addEventListener("click", (event) => {
    if (hit(event)[0] >= 0) cursor.hold(...hit(event));
  });

  const layLines = (room) => {
    ruler.font = `13px ${view.colours.font}`;
    widths = Array.from({ length: doc.tokens }, (_, token) =>
      Math.min(room, Math.max(12, Math.ceil(ruler.measureText(clip(doc.word(token), 24)).width) + 8)),
    );
    layout = layOut(widths, room);
    laidOutFor = room;
    lines = layout.firsts.map((_, line) => {
      const made = element("div", "token-line");
      made.dataset.line = line;
      return made;
    });
    observer.disconnect();
    place.replaceChildren(...lines, mark);
    lines.forEach((line) => observer.observe(line));
  };

  const prepare = (next) => {
    view = next;
    rows = sequenceRows.rowsOf(doc, view);
    document.getElementById("tint-key").textContent =
      view.tint === "1" ? `transparent to opaque: ${overview.legend(view.norm)}` : "";
    place.ariaLabel = `Rows of values under the tokens: ${rows
      .map(({ label }) => label)
      .filter(Boolean)
      .join(", ")}`;
    lineHeight = TEXT_HEIGHT + rows.reduce((sum, row) => sum + row.gap + row.height, 0);
    place.style.setProperty("--line-height", `${lineHeight}px`);
    if (view.width - LEFT !== laidOutFor) layLines(view.width - LEFT);
  };

  const draw = (next) => {
    prepare(next);
    // On paper all lines are visible.
    lines.filter((line) => redraw.printing() || line.firstChild).forEach(show);
  };

  const moveMark = ({ token }) => {
    mark.hidden = token < 0 || !layout;
    if (mark.hidden) return;
    const line = lineOf(layout.firsts, token);
    mark.style.transform = `translate(${LEFT + layout.x[token] - 3}px, ${line * (lineHeight + LINE_GAP) - 1}px)`;
    mark.style.width = `${widths[token] + 3}px`;
    mark.style.height = `${lineHeight + 3}px`;
  };

  // Draws all lines at once, for an export. The next drawing lays them out again and frees the lines out of sight.
  const drawAll = (next) => {
    prepare(next);
    lines.forEach(show);
    laidOutFor = 0;
  };

  return { draw, drawAll, cursor: moveMark };
};

export const sequence = { layOut, lineOf, create };
