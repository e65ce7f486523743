// The head view: queries on the left, keys on the right, and a line from each query to its strongest keys.

import { clip } from "../core/clip.js";
import { diverging } from "../diverging/diverging.js";
import { formats } from "../core/formats.js";
import { mapShare } from "./map_share.js";
import { matrix } from "./matrix.js";
import { scrollBox } from "./scroll_box.js";

const ROW = 17;
const HEAD = 22;
const FOOT = 26;
const FAINTEST = 0.02;
const SHADES = 16;
// Lines of queries out of sight are faint, or hundreds of them would cover the visible ones.
const FROM_AFAR = 0.12;
const REST = 26;
const MOST = 0.5;

const measures = (width) => {
  const side = Math.max(84, Math.min(150, width * 0.28));
  return { left: REST + side, right: width - side, letters: Math.floor(side / 8.2) };
};

export const headView = {
  create: (place, pointer) => {
    let scene = null;
    let focus = null;
    const box = scrollBox(
      place,
      {
        label:
          "Head view: tokens on the left attend to tokens on the right; " +
          "arrow keys move from token to token and from side to side",
        rowHeight: ROW,
        head: HEAD,
        foot: FOOT,
      },
      () => paint(),
    );

    const y = (side, index) => box.y(scene.seats[side].seat[index]);
    const sees = (side, index) => box.sees(scene.seats[side].seat[index]);
    const opposite = () => (focus.side === "key" ? "query" : "key");

    const line = (from, to, left, right) => {
      box.context.moveTo(left, from);
      box.context.bezierCurveTo(left + (right - left) * 0.4, from, right - (right - left) * 0.4, to, right, to);
    };

    // Full colour is all of a query's attention, or a difference of half of it.
    const sizeOf = (value) => Math.min(1, Math.abs(value) / (scene.map.isDifference ? MOST : 1));

    // A difference has the colour of its sign, attention that of its head.
    const colourOf = (value, colour) =>
      scene.map.isDifference ? diverging.ends(scene.colours)[value < 0 ? 0 : 1] : colour;

    // All lines that touch the visible part, by colour and shade: one path for each is much faster than one per line.
    const fan = ({ row, colour }, { left, right }) => {
      const { map, allows } = scene;
      const shades = new Map();
      for (let query = 0; query < map.tokens; query++) {
        for (const [key, value] of matrix.row(map, row, query, allows)) {
          const size = sizeOf(value);
          if (size < FAINTEST || !(sees("query", query) || sees("key", key))) continue;
          const strength = sees("query", query) ? size : size * FROM_AFAR;
          const shade = Math.min(SHADES - 1, Math.floor(strength * SHADES));
          const signed = value < 0 ? -1 - shade : shade;
          if (!shades.has(signed)) shades.set(signed, []);
          shades.get(signed).push([y("query", query), y("key", key)]);
        }
      }
      // The faint ones first: strong lines are on top.
      const ordered = [...shades].sort(([a], [b]) => (a < 0 ? -1 - a : a) - (b < 0 ? -1 - b : b));
      for (const [signed, lines] of ordered) {
        const shade = signed < 0 ? -1 - signed : signed;
        stroke(colourOf(signed, colour), (shade + 0.5) / SHADES, lines, left, right);
      }
    };

    const stroke = (colour, strength, lines, left, right) => {
      const { context } = box;
      context.strokeStyle = colour;
      // Opacity is not proportional: a line with a tenth of the attention would be invisible.
      context.globalAlpha = Math.min(1, strength) ** 0.7;
      context.lineWidth = 0.75 + 2 * Math.min(1, strength);
      context.beginPath();
      lines.forEach(([from, to]) => line(from, to, left, right));
      context.stroke();
      context.globalAlpha = 1;
    };

    // What one token attends to, or what attends to it, in each shown head.
    const focused = () =>
      scene.heads.map(({ row, colour }) => ({
        colour,
        pairs:
          focus.side === "key"
            ? matrix.column(scene.map, row, focus.token, scene.allows)
            : matrix.row(scene.map, row, focus.token, scene.allows),
        rest: focus.side === "key" ? 0 : matrix.rest(scene.map, row, focus.token),
      }));

    const rays = (found, { left, right }) => {
      for (const { colour, pairs } of found) {
        for (const [other, value] of pairs) {
          const ends = focus.side === "key" ? [other, focus.token] : [focus.token, other];
          stroke(
            colourOf(value, colour),
            0.06 + 0.94 * sizeOf(value),
            [[y("query", ends[0]), y("key", ends[1])]],
            left,
            right,
          );
        }
      }
    };

    // A strip per head behind each token at the other end, darker for stronger attention.
    const shadeEnds = (found, { left, right }) => {
      const [x, width] = focus.side === "key" ? [REST, left - REST - 4] : [right + 4, box.width - right - 4];
      const part = width / found.length;
      found.forEach(({ colour, pairs }, i) => {
        for (const [other, value] of pairs) {
          box.context.fillStyle = colourOf(value, colour);
          box.context.globalAlpha = 0.55 * Math.sqrt(sizeOf(value));
          box.context.fillRect(x + i * part, y(opposite(), other) - ROW / 2, part, ROW - 1);
        }
      });
      box.context.globalAlpha = 1;
    };

    const names = ({ left, right, letters }, numbers) => {
      const { context } = box;
      const { tokens, colours } = scene;
      context.textBaseline = "middle";
      for (const [side, x, align] of [
        ["query", left - 8, "right"],
        ["key", right + 8, "left"],
      ]) {
        for (const index of scene.seats[side].list) {
          if (!sees(side, index)) continue;
          context.fillStyle = tokens.special(index) ? colours.muted : colours.ink;
          context.font = `${focus?.token === index ? "600 " : ""}12px ${colours.font}`;
          context.textAlign = align;
          context.fillText(clip(tokens.word(index), letters), x, y(side, index));
          if (focus && side === opposite() && numbers.has(index)) number(numbers.get(index), y(side, index));
        }
      }
    };

    const number = (value, height) => {
      const { context } = box;
      context.font = `11px ${scene.colours.font}`;
      const onLeft = focus.side === "key";
      context.textAlign = onLeft ? "left" : "right";
      context.fillText(mapShare.written(scene.map, value), onLeft ? 2 : box.width - 4, height);
    };

    // Grey bars: how much of each row goes to keys that are not shown.
    const rests = () => {
      const { context } = box;
      const { map, heads, colours } = scene;
      if (map.isDifference) return;
      context.fillStyle = colours.muted;
      for (const query of scene.seats.query.list) {
        if (!sees("query", query)) continue;
        const share = heads.reduce((sum, { row }) => sum + matrix.rest(map, row, query), 0) / heads.length;
        context.globalAlpha = 0.55;
        context.fillRect(0, y("query", query) - 3, Math.max(share > 0 ? 0.5 : 0, share * (REST - 4)), 6);
      }
      context.globalAlpha = 1;
    };

    const footer = (found, { left, right }) => {
      if (scene.map.isDifference) return;
      const { context, height } = box;
      const bottom = height - FOOT / 2;
      context.font = `11px ${scene.colours.font}`;
      context.fillStyle = scene.colours.muted;
      context.textAlign = "left";
      context.textBaseline = "middle";
      context.fillText(box.width < 420 ? "others" : "all other keys", right + 8, bottom);
      if (!focus || focus.side === "key") return;
      found.forEach(({ rest }) =>
        stroke(scene.colours.muted, 0.06 + 0.94 * rest, [[y("query", focus.token), bottom]], left, right),
      );
      context.textAlign = "right";
      const share = found.reduce((sum, { rest }) => sum + rest, 0) / found.length;
      context.fillText(formats.percent(share), box.width - 4, bottom);
    };

    const header = ({ left, right }) => {
      const { context } = box;
      context.font = `11px ${scene.colours.font}`;
      context.fillStyle = scene.colours.muted;
      context.textBaseline = "middle";
      context.textAlign = "left";
      if (!scene.map.isDifference) context.fillText("rest", 0, HEAD / 2 - 2);
      context.fillText("key", right + 8, HEAD / 2 - 2);
      context.textAlign = "right";
      context.fillText("query", left - 8, HEAD / 2 - 2);
    };

    const band = ({ left, right }) => {
      box.context.fillStyle = scene.colours.cursor;
      box.context.globalAlpha = 0.28;
      const [x, width] = focus.side === "key" ? [right + 4, box.width - right - 4] : [REST, left - REST - 4];
      box.context.fillRect(x, y(focus.side, focus.token) - ROW / 2, width, ROW - 1);
      box.context.globalAlpha = 1;
    };

    const paint = () => {
      if (!scene) return;
      const sizes = measures(box.width);
      box.clear();
      header(sizes);
      const found = focus ? focused() : [];
      const numbers = new Map(found.length === 1 ? found[0].pairs.filter(([, value]) => Math.abs(value) >= 0.005) : []);
      box.clipped(() => {
        if (focus) {
          shadeEnds(found, sizes);
          band(sizes);
          rays(found, sizes);
        } else scene.heads.forEach((head) => fan(head, sizes));
        rests();
        names(sizes, numbers);
      });
      footer(found, sizes);
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
        box.name(scene.of);
        box.resize(Math.max(scene.seats.query.list.length, scene.seats.key.list.length));
        paint();
      },
      focus: (next, held) => {
        if (!scene) return;
        focus = next && scene.seats[next.side].seat[next.token] >= 0 ? next : null;
        if (held && focus) box.reveal(scene.seats[focus.side].seat[focus.token]);
        paint();
      },
    };
  },
};
