// Axes from zero in equal steps, up to a number or the next tick; without a number, up to another. The first picture
// has one only if the address asks for it.

import { numberAxis } from "../document/number_axis.js";

const stepFor = (top) => {
  const size = 10 ** numberAxis.decade(top / 5);
  return [1, 2, 5, 10].map((n) => n * size).find((step) => top / step <= 6);
};

export const linearAxis = (found, height, otherwise = 1) => {
  const highest = found >= 0 ? found : otherwise;
  const top =
    highest > 1
      ? Math.ceil(highest / stepFor(highest)) * stepFor(highest)
      : Math.max(0.1, Math.ceil(highest * 10) / 10);
  const y = (value) => height * (1 - Math.min(1, value / top));
  const step = top > 1 ? stepFor(highest) : top > 0.5 ? 0.2 : top > 0.2 ? 0.1 : 0.05;
  const ticks = [];
  for (let i = 0; i * step <= top + 1e-9; i++)
    ticks.push({ y: y(i * step), label: String(Number((i * step).toPrecision(3))) });
  return { y, ticks, below: null, top };
};
