// The neuron view: how the query and key vectors of a head produce one row of its matrix.

import { clip } from "../core/clip.js";
import { formats } from "../core/formats.js";
import { scrollBox } from "../maps/scroll_box.js";
import { vectors } from "./vectors.js";

const ROW = 16;
const HEAD = 44;

const columnsOf = (width) => {
  const [name, score, share] = width < 420 ? [70, 34, 60] : [112, 56, 92];
  const strip = (width - name - score - share - 24) / 2;
  return {
    name,
    strip,
    key: name + 8,
    product: name + 16 + strip,
    score: name + 24 + 2 * strip,
    half: score / 2,
    share: name + 24 + 2 * strip + score + 6,
    bar: share - 54,
  };
};

const largest = (numbers) => numbers.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;

export const neuronView = {
  create: (place, pointer) => {
    let scene = null;
    let query = 0;
    let near = -1;
    const box = scrollBox(
      place,
      {
        label: "Neuron view: query and key vectors, their product, score and softmax; arrow keys choose the query",
        head: HEAD,
        foot: 0,
      },
      () => paint(),
    );
    let numbers = null;

    // Blue above zero, orange below, stronger for larger numbers.
    const strip = (values, most, x, y, width) => {
      const { context } = box;
      const [above, below] = scene.colours.dark ? ["#56b4e9", "#e69f00"] : ["#0072b2", "#d55e00"];
      const step = width / values.length;
      for (let i = 0; i < values.length; i++) {
        context.globalAlpha = Math.min(1, Math.abs(values[i]) / most);
        context.fillStyle = values[i] < 0 ? below : above;
        context.fillRect(x + i * step, y - ROW / 2 + 1, Math.max(0.8, step - 0.4), ROW - 2);
      }
      context.globalAlpha = 1;
    };

    const compute = () => {
      const { vectors: packed, heads, tokens } = scene;
      const head = heads[0].row % scene.doc.heads;
      const from = vectors.query(packed, head, query);
      const products = Array.from({ length: tokens.length }, (_, key) =>
        vectors.key(packed, head, key).map((value, i) => value * from[i]),
      );
      const { scores, weights } = vectors.row(packed, head, query);
      const keys = products.map((_, key) => vectors.key(packed, head, key));
      numbers = {
        from,
        keys,
        products,
        scores,
        weights,
        mostKey: largest(keys.map(largest)),
        mostProduct: largest(products.map(largest)),
        mostScore: largest(scores.map((score) => score || 0)),
      };
    };

    const titles = (at) => {
      const { context } = box;
      context.font = `11px ${scene.colours.font}`;
      context.fillStyle = scene.colours.muted;
      context.textBaseline = "middle";
      context.textAlign = "left";
      [
        [at.key, "key"],
        [at.product, "query × key"],
        [at.score, "score"],
        [at.share, "softmax"],
      ].forEach(([x, title]) => context.fillText(title, x, 8));
      context.textAlign = "right";
      context.fillStyle = scene.colours.ink;
      context.font = `600 12px ${scene.colours.font}`;
      context.fillText(clip(scene.tokens.word(query), Math.floor(at.name / 9)), at.name, 28);
      strip(numbers.from, largest(numbers.from), at.key, 28, at.strip);
      context.textAlign = "left";
      context.font = `11px ${scene.colours.font}`;
      context.fillStyle = scene.colours.muted;
      context.fillText("← its query", at.product, 28);
      context.fillStyle = scene.colours.line;
      context.fillRect(0, HEAD - 3, box.width, 1);
    };

    const bars = (key, y, at) => {
      const { context } = box;
      const [score, weight] = [numbers.scores[key], numbers.weights[key]];
      context.fillStyle = scene.colours.muted;
      if (Number.isNaN(score)) return;
      const length = (score / numbers.mostScore) * at.half;
      context.fillRect(at.score + at.half + Math.min(0, length), y - 4, Math.abs(length), 8);
      context.fillStyle = scene.colours.accent;
      context.fillRect(at.share, y - 5, Math.max(0.5, weight * at.bar), 10);
      if (weight < 0.005) return;
      context.textAlign = "right";
      context.font = `11px ${scene.colours.font}`;
      context.fillStyle = weight >= 0.05 ? scene.colours.ink : scene.colours.muted;
      context.fillText(formats.percent(weight), box.width - 2, y);
    };

    const paint = () => {
      if (!scene || !numbers) return;
      const { context } = box;
      const { tokens, colours } = scene;
      const at = columnsOf(box.width);
      box.clear();
      titles(at);
      box.clipped(() => {
        for (let key = 0; key < tokens.length; key++) {
          if (!box.sees(key)) continue;
          const y = box.y(key);
          if (key === near) {
            context.fillStyle = colours.cursor;
            context.globalAlpha = 0.22;
            context.fillRect(0, y - ROW / 2, box.width, ROW);
            context.globalAlpha = 1;
          }
          context.font = `${key === query ? "600 " : ""}12px ${colours.font}`;
          context.fillStyle = tokens.special(key) ? colours.muted : colours.ink;
          context.textAlign = "right";
          context.fillText(clip(tokens.word(key), Math.floor(at.name / 8)), at.name, y);
          strip(numbers.keys[key], numbers.mostKey, at.key, y, at.strip);
          strip(numbers.products[key], numbers.mostProduct, at.product, y, at.strip);
          bars(key, y, at);
        }
      });
    };

    const hit = (event) => ({ token: box.rowAt(event.offsetY), side: "key" });
    place.addEventListener("pointermove", (event) => {
      if (scene) pointer.point(hit(event));
    });
    place.addEventListener("pointerleave", () => pointer.point(null));
    place.addEventListener("click", (event) => {
      if (scene && hit(event).token >= 0) pointer.hold({ token: hit(event).token, side: "query" });
    });

    return {
      draw: (next) => {
        scene = next;
        box.resize(scene.map.tokens, ROW);
        query = Math.min(query, scene.map.tokens - 1);
        compute();
        paint();
      },
      // A held token becomes the query; a hovered token is marked among the keys.
      focus: (focus, held) => {
        near = focus && !held ? focus.token : -1;
        if (!scene) {
          if (focus && held) query = focus.token;
          return;
        }
        if (focus && held && focus.token !== query) {
          query = focus.token;
          compute();
        }
        paint();
      },
    };
  },
};
