// Formats numbers in the same way as formats.py.

const significant = (value, digits = 2) => {
  if (value === 0) return "0";
  const rounded = value.toExponential(digits - 1); // 0.996 is 1.0, as 1 is
  if (Math.abs(Number(rounded)) < 1e-3) return rounded.replace("e+", "e");
  return value.toFixed(Math.max(0, digits - 1 - Number(rounded.split("e")[1])));
};

const percent = (share) => {
  const hundredths = share * 100;
  if (hundredths === Math.round(hundredths) || (hundredths >= 1 && hundredths < 99))
    return `${hundredths.toFixed(0)} %`;
  if (hundredths >= 0.1 && hundredths <= 99.9) return `${hundredths.toFixed(1)} %`;
  return share > 0.5 ? "> 99.9 %" : "< 0.1 %";
};

// A difference with few significant digits and its sign.
const signed = (value, digits = 3) =>
  `${value === 0 ? "" : value > 0 ? "+" : "−"}${significant(Math.abs(value), digits)}`;

const count = (number) => number.toLocaleString("en");

export const formats = { significant, percent, signed, count };
