// The head view: queries on the left, keys on the right, and a line from each query to its strongest keys.

import { clip } from "../core/clip.js";
import { fitCanvas } from "../core/fit_canvas.js";
import { diverging } from "../diverging/diverging.js";
import { formats } from "../core/formats.js";
import { mapShare } from "./map_share.js";
import { matrix } from "./matrix.js";
import { scrollBox } from "./scroll_box.js";

// Pixels of a row: as many as fit, so that a whole text is in sight.
const [SMALLEST_ROW, ROW] = [6, 17];
const HEAD = 22;
const FOOT = 26;
const SHADES = 12;
// Lines of queries out of sight are faint, or hundreds of them would cover the visible ones.
const FROM_AFAR = 0.12;
const REST = 26;
const MOST = 0.5;
// Letters of names that the pointer picks out, and the least distance of two of them, in pixels.
const [LARGE, APART] = [12, 13];

const measures = (width) => {
  const side = Math.max(84, Math.min(150, width * 0.28));
  return { left: REST + side, right: width - side, letters: Math.floor(side / 8.2) };
};

export const headView = {
  create: (place, pointer) => {
    let scene = null;
    let focus = null;
    // The picture without a pointer, kept while the pointer is on a token.
    const kept = document.createElement("canvas");
    let keptAt = null;
    const box = scrollBox(
      place,
      {
        label:
          "Head view: tokens on the left attend to tokens on the right; " +
          "arrow keys move from token to token and from side to side",
        head: HEAD,
        foot: FOOT,
      },
      () => paint(),
    );

    const y = (side, index) => box.y(scene.seats[side].seat[index]);
    const sees = (side, index) => box.sees(scene.seats[side].seat[index]);
    const opposite = () => (focus.side === "key" ? "query" : "key");
    const letters = () => Math.min(LARGE, box.rowHeight + 1);

    // Full colour is all of a query's attention, or a difference of half of it.
    const sizeOf = (value) => Math.min(1, Math.abs(value) / (scene.map.isDifference ? MOST : 1));
    const isDrawn = (value) => Math.abs(value) >= scene.least;

    // A difference has the colour of its sign, attention that of its head.
    const colourOf = (value, colour) =>
      scene.map.isDifference ? diverging.ends(scene.colours)[value < 0 ? 0 : 1] : colour;

    // All lines that touch the visible part, by shade and colour: one path for each is much faster than one per line.
    const fan = () => {
      const { map, allows, heads } = scene;
      const shades = Array.from({ length: SHADES }, () => new Map());
      for (const { row, colour } of heads)
        for (let query = 0; query < map.tokens; query++)
          for (const [key, value] of matrix.row(map, row, query, allows)) {
            if (!isDrawn(value) || !(sees("query", query) || sees("key", key))) continue;
            const strength = sizeOf(value) * (sees("query", query) ? 1 : FROM_AFAR);
            const shade = shades[Math.min(SHADES - 1, Math.floor(strength * SHADES))];
            const shown = colourOf(value, colour);
            if (!shade.has(shown)) shade.set(shown, []);
            shade.get(shown).push([y("query", query), y("key", key)]);
          }
      // The faint ones first: strong lines are on top.
      shades.forEach((shade, i) => shade.forEach((lines, colour) => stroke(colour, (i + 0.5) / SHADES, lines, thin)));
    };

    // Rows close to each other have thin lines.
    const thin = (strength) => Math.max(0.5, (box.rowHeight / ROW) * (0.75 + 2 * strength));
    const thick = (strength) => 0.75 + 2 * strength;

    const stroke = (colour, strength, lines, widthOf) => {
      const { context } = box;
      const { left, right } = measures(box.width);
      context.strokeStyle = colour;
      // Opacity is not proportional: a line with a tenth of the attention would be invisible.
      context.globalAlpha = strength ** 0.7;
      context.lineWidth = widthOf(strength);
      context.beginPath();
      for (const [from, to] of lines) {
        context.moveTo(left, from);
        context.lineTo(right, to);
      }
      context.stroke();
      context.globalAlpha = 1;
    };

    const pairsOf = (map, row) =>
      focus.side === "key"
        ? matrix.column(map, row, focus.token, scene.allows)
        : matrix.row(map, row, focus.token, scene.allows);

    // What one token attends to, or what attends to it, in each shown head.
    const focused = () =>
      scene.heads.map(({ row, colour }) => ({
        colour,
        pairs: pairsOf(scene.map, row).filter(([, value]) => isDrawn(value)),
        rest: focus.side === "key" ? 0 : matrix.unshown(scene.map, row, focus.token, scene.allows),
      }));

    // The numbers at the other end: of the shown head, or the mean of all heads of a layer.
    const numbersOf = (found) => {
      const pairs = scene.mean ? pairsOf(scene.mean, 0) : found.length === 1 ? found[0].pairs : [];
      return new Map(pairs.filter(([, value]) => Math.abs(value) >= 0.005));
    };

    const rays = (found) => {
      for (const { colour, pairs } of found)
        for (const [other, value] of pairs) {
          const [query, key] = focus.side === "key" ? [other, focus.token] : [focus.token, other];
          stroke(colourOf(value, colour), 0.15 + 0.85 * sizeOf(value), [[y("query", query), y("key", key)]], thick);
        }
    };

    // A strip per head behind each token at the other end, darker for stronger attention.
    const shadeEnds = (found) => {
      const { left, right } = measures(box.width);
      const [x, width] = focus.side === "key" ? [REST, left - REST - 4] : [right + 4, box.width - right - 4];
      const part = width / found.length;
      found.forEach(({ colour, pairs }, i) => {
        for (const [other, value] of pairs) {
          box.context.fillStyle = colourOf(value, colour);
          box.context.globalAlpha = 0.55 * Math.sqrt(sizeOf(value));
          box.context.fillRect(x + i * part, y(opposite(), other) - box.rowHeight / 2, part, box.rowHeight - 1);
        }
      });
      box.context.globalAlpha = 1;
    };

    // Names are as large as their rows. Where these are small, those at the ends of the pointer's lines are written
    // larger, the strongest first, as long as there is room.
    const names = (numbers) => {
      const { context } = box;
      const { left, right } = measures(box.width);
      context.textBaseline = "middle";
      for (const [side, x, align] of [
        ["query", left - 8, "right"],
        ["key", right + 8, "left"],
      ]) {
        const taken = [];
        const isFree = (at) => taken.every((other) => Math.abs(other - at) >= APART);
        const chosen = focus
          ? side === focus.side
            ? [focus.token]
            : [...numbers].sort((a, b) => Math.abs(b[1]) - Math.abs(a[1])).map(([index]) => index)
          : [];
        const large = [];
        for (const index of chosen) {
          if (letters() < LARGE && !isFree(y(side, index))) continue;
          taken.push(y(side, index));
          large.push(index);
        }
        for (const index of scene.seats[side].list)
          if (sees(side, index) && (letters() === LARGE || isFree(y(side, index))))
            write(side, index, x, align, letters());
        if (letters() < LARGE) for (const index of large) write(side, index, x, align, LARGE);
        if (focus && side === opposite()) for (const index of large) number(numbers.get(index), y(side, index));
      }
    };

    const write = (side, index, x, align, size) => {
      const { context } = box;
      const { tokens, colours } = scene;
      context.fillStyle = tokens.special(index) ? colours.muted : colours.ink;
      context.font = `${focus?.token === index ? "600 " : ""}${size}px ${colours.font}`;
      context.textAlign = align;
      context.fillText(clip(tokens.word(index), measures(box.width).letters), x, y(side, index));
    };

    const number = (value, height) => {
      const { context } = box;
      context.font = `11px ${scene.colours.font}`;
      context.fillStyle = scene.colours.ink;
      const onLeft = focus.side === "key";
      context.textAlign = onLeft ? "left" : "right";
      context.fillText(mapShare.written(scene.map, value), onLeft ? 2 : box.width - 4, height);
    };

    // Grey bars: how much of each row goes to keys that are not shown.
    const rests = () => {
      const { context } = box;
      const { map, heads, colours, allows } = scene;
      if (map.isDifference) return;
      context.fillStyle = colours.muted;
      context.globalAlpha = 0.55;
      const tall = Math.min(6, box.rowHeight - 1);
      for (const query of scene.seats.query.list) {
        if (!sees("query", query)) continue;
        const share = heads.reduce((sum, { row }) => sum + matrix.unshown(map, row, query, allows), 0) / heads.length;
        const width = Math.max(share > 0 ? 0.5 : 0, Math.min(1, share) * (REST - 4));
        context.fillRect(0, y("query", query) - tall / 2, width, tall);
      }
      context.globalAlpha = 1;
    };

    const footer = (found) => {
      if (scene.map.isDifference) return;
      const { context, height } = box;
      const { right } = measures(box.width);
      const bottom = height - FOOT / 2;
      context.font = `11px ${scene.colours.font}`;
      context.fillStyle = scene.colours.muted;
      context.textAlign = "left";
      context.textBaseline = "middle";
      context.fillText(box.width < 420 ? "others" : "all other keys", right + 8, bottom);
      if (!focus || focus.side === "key") return;
      const share = found.reduce((sum, { rest }) => sum + rest, 0) / found.length;
      stroke(scene.colours.muted, 0.15 + 0.85 * Math.min(1, share), [[y("query", focus.token), bottom]], thick);
      context.textAlign = "right";
      context.fillText(formats.percent(share), box.width - 4, bottom);
    };

    const header = () => {
      const { context } = box;
      const { left, right } = measures(box.width);
      context.font = `11px ${scene.colours.font}`;
      context.fillStyle = scene.colours.muted;
      context.textBaseline = "middle";
      context.textAlign = "left";
      if (!scene.map.isDifference) context.fillText("rest", 0, HEAD / 2 - 2);
      context.fillText("key", right + 8, HEAD / 2 - 2);
      context.textAlign = "right";
      context.fillText("query", left - 8, HEAD / 2 - 2);
    };

    const band = () => {
      const { left, right } = measures(box.width);
      box.context.fillStyle = scene.colours.cursor;
      box.context.globalAlpha = 0.28;
      const [x, width] = focus.side === "key" ? [right + 4, box.width - right - 4] : [REST, left - REST - 4];
      box.context.fillRect(x, y(focus.side, focus.token) - box.rowHeight / 2, width, box.rowHeight - 1);
      box.context.globalAlpha = 1;
    };

    const all = () => {
      header();
      const found = focus ? focused() : [];
      box.clipped(() => {
        if (focus) {
          shadeEnds(found);
          band();
          rays(found);
        } else fan();
        rests();
        names(focus ? numbersOf(found) : new Map());
      });
      footer(found);
    };

    const paint = () => {
      if (!scene) return;
      box.clear();
      if (focus || box.whole) {
        all();
        return;
      }
      const at = `${box.width} ${box.height} ${box.top}`;
      if (keptAt !== at) {
        all();
        fitCanvas(kept, box.width, box.height).drawImage(box.canvas, 0, 0, box.width, box.height);
        keptAt = at;
      } else box.context.drawImage(kept, 0, 0, box.width, box.height);
    };

    const hit = (event) => {
      const { left, right } = measures(box.width);
      const side = event.offsetX > (left + right) / 2 ? "key" : "query";
      return { token: scene.seats[side].list[box.rowAt(event.offsetY)] ?? -1, side };
    };
    place.addEventListener("pointermove", (event) => {
      if (scene) pointer.point(hit(event));
    });
    place.addEventListener("pointerleave", () => pointer.point(null));
    place.addEventListener("click", (event) => {
      if (scene && hit(event).token >= 0) pointer.hold(hit(event));
    });

    return {
      draw: (next) => {
        scene = next;
        keptAt = null;
        const rows = Math.max(scene.seats.query.list.length, scene.seats.key.list.length);
        box.name(scene.of);
        box.resize(rows, scene.chosen.large ? ROW : box.fitting(rows, SMALLEST_ROW, ROW));
        paint();
      },
      focus: (next, held) => {
        if (!scene) return;
        const before = focus;
        focus = next && scene.seats[next.side].seat[next.token] >= 0 ? next : null;
        if (held && focus) box.reveal(scene.seats[focus.side].seat[focus.token]);
        if (focus || before) paint();
      },
    };
  },
};
