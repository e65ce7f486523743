// Axes, and numbers as formats.py writes them.
((attviz) => {
  "use strict";

  const significant = (value, digits = 2) => {
    if (value === 0) return "0";
    if (Math.abs(value) < 1e-3) return value.toExponential(digits - 1).replace("e+", "e");
    return value.toFixed(Math.max(0, digits - 1 - Math.floor(Math.log10(Math.abs(value)))));
  };

  const percent = (share) => {
    const hundredths = share * 100;
    if (hundredths === Math.round(hundredths) || (hundredths >= 1 && hundredths < 99)) return `${hundredths.toFixed(0)} %`;
    if (hundredths >= 0.1 && hundredths <= 99.9) return `${hundredths.toFixed(1)} %`;
    return share > 0.5 ? "> 99.9 %" : "< 0.1 %";
  };

  const count = (number) => number.toLocaleString("en");

  // A logarithmic axis over whole decades, with a band for values below 1e-6 where there are any.
  const logarithmic = (lowest, height) => {
    const below = lowest < 1e-6;
    const low = below ? -6 : Math.min(-1, Math.floor(Math.log10(lowest) + 1e-9));
    const inner = below ? height - 18 : height;
    const y = (value) => (value < 1e-6 && below ? height - 7 : inner * Math.min(1, Math.log10(Math.max(value, 1e-12)) / low));
    const ticks = [];
    for (let decade = 0; decade >= low; decade--) ticks.push({ y: y(10 ** decade), label: decade === 0 ? "1" : String(10 ** decade).replace("0.000001", "1e-6").replace("0.00001", "1e-5") });
    return { y, ticks, below: below ? inner + 4 : null };
  };

  const linear = (highest, height) => {
    const top = Math.max(0.1, Math.min(1, Math.ceil(highest * 10) / 10));
    const y = (value) => height * (1 - Math.min(1, value / top));
    const step = top > 0.5 ? 0.2 : top > 0.2 ? 0.1 : 0.05;
    const ticks = [];
    for (let i = 0; i * step <= top + 1e-9; i++) ticks.push({ y: y(i * step), label: significant(i * step, step < 0.1 && i ? (i % 2 ? 1 : 2) : 1) });
    return { y, ticks, below: null };
  };

  // A text of at most so many characters, cut at the end.
  attviz.clip = (text, length) => {
    const characters = [...text.slice(0, 4 * length)];
    return characters.length <= length && text.length <= 4 * length ? text : `${characters.slice(0, length - 1).join("")}…`;
  };

  attviz.scale = { significant, percent, count, logarithmic, linear };
})(globalThis.attviz ??= {});
