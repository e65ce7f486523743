// Formats numbers in the same way as formats.py.

const MINUS = "−";
const withMinus = (written) => written.replaceAll("-", MINUS);

const significant = (value, digits = 2) => {
  if (value === 0) return "0";
  const rounded = value.toExponential(digits - 1); // 0.996 is 1.0, as 1 is
  if (Math.abs(Number(rounded)) < 1e-3) return withMinus(rounded.replace("e+", "e"));
  return withMinus(value.toFixed(Math.max(0, digits - 1 - Number(rounded.split("e")[1]))));
};

// With its sign; 0.00 for what rounds to 0.
const signed = (value, decimals = 2) => {
  const size = Math.abs(value).toFixed(decimals);
  return Number(size) ? (value > 0 ? "+" : MINUS) + size : size;
};

const percent = (share) => {
  const hundredths = share * 100;
  if (hundredths === Math.round(hundredths) || (hundredths >= 1 && hundredths < 99))
    return `${hundredths.toFixed(0)} %`;
  if (hundredths >= 0.1 && hundredths <= 99.9) return `${hundredths.toFixed(1)} %`;
  return share > 0.5 ? "> 99.9 %" : "< 0.1 %";
};

const count = (number) => withMinus(number.toLocaleString("en"));

export const formats = { significant, signed, percent, count };
