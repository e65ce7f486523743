"""How numbers are written on the pages and in captions; `formats.js` writes them the same way."""

from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup, escape

from attviz_pipeline.significance import SIGNIFICANT

SMALLEST_PLAIN = 1e-3
MINUS = "−"


def significant(value: float, digits: int = 2) -> str:
    """Write a number with few significant digits: 0.021, −0.30, 3.4e−6, 0."""
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")  # of the rounded number: 0.996 is 1.0, as 1 is
    if abs(float(f"{mantissa}e{exponent}")) < SMALLEST_PLAIN:
        return f"{mantissa}e{int(exponent)}".replace("-", MINUS)
    return f"{value:.{max(0, digits - 1 - int(exponent))}f}".replace("-", MINUS)


def probability(p: float) -> str:
    """Write a p or q: with one significant digit, or as many as it takes to stay on its side of 0.05 and below 1."""
    written = ((n, float(f"{p:.{n - 1}e}")) for n in range(1, 18))
    digits = next(n for n, q in written if (q < SIGNIFICANT) == (p < SIGNIFICANT) and (q < 1) == (p < 1))
    return significant(p, digits)


def count(number: int) -> str:
    """Write an integer with commas between thousands."""
    return f"{number:,}"


def percent(share: float, decimals: int = 0) -> str:
    """Write a share in percent: 62 %, 99.6 %; never 100 % for what is less, never 0 % for what is more."""
    hundredths = share * 100
    if hundredths == round(hundredths):
        return f"{hundredths:.0f} %"
    if 1 <= hundredths < 99:
        return f"{hundredths:.{decimals}f} %"
    if 0.1 <= hundredths <= 99.9:
        return f"{hundredths:.1f} %"
    return "> 99.9 %" if share > 0.5 else "< 0.1 %"


def decimal(value: float, decimals: int = 2) -> str:
    """Write a number with so many decimals: 0.62, −0.30; 0.00 for what rounds to 0."""
    return f"{round(value, decimals) or 0.0:.{decimals}f}".replace("-", MINUS)


def signed(value: float, decimals: int = 2) -> str:
    """Write a number with its sign: +1.20, −0.03; 0.00 for what rounds to 0."""
    rounded = round(value, decimals)
    return f"{rounded:+.{decimals}f}".replace("-", MINUS) if rounded else f"{0:.{decimals}f}"


def told_apart(first: float, second: float, decimals: int = 2) -> tuple[str, str]:
    """Write two numbers with as many decimals, up to six, as it takes to tell them apart."""
    n = next((n for n in range(decimals, 6) if decimal(first, n) != decimal(second, n)), 6)
    return decimal(first, n), decimal(second, n)


def points(difference: float) -> str:
    """Write a difference of two shares in percentage points, without the unit: +3.1, −0.4."""
    return signed(difference * 100, 1)


def head_name(layer: int, head: int) -> str:
    """Return the short name of a head: L5·H7. `head_name.js` writes it the same way."""
    return f"L{layer}·H{head}"


def difference(value: float, digits: int = 3) -> str:
    """Write a difference with few significant digits and its sign: +1.20, \u22120.031, 0."""
    sign = "" if value == 0 else "+" if value > 0 else "\N{MINUS SIGN}"
    return f"{sign}{significant(abs(value), digits)}"


def plural(number: int, noun: str, many: str = "") -> str:
    """Write a count and its noun: 1 token, 2,000 tokens."""
    return f"{count(number)} {noun if number == 1 else many or noun + 's'}"


def clip(text: str, length: int) -> str:
    """Cut a text to so many characters, the last of them an ellipsis."""
    return text if len(text) <= length else text[: length - 1] + "…"


def literal(text: str) -> Markup:
    """Escape a text so that a page keeps every character: a bare carriage return would be read as a line feed."""
    return Markup(str(escape(text)).replace("\r", "&#13;"))  # noqa: S704 - escaped before


def written(value: float, how: str) -> str:
    """Write a number of a table by the name of its format; three significant digits where it has no other."""
    formats: Mapping[str, Callable[[Any], str]] = {"percent": percent, "count": count, "signed": difference}
    return formats[how](value) if how in formats else significant(value, 3)


FILTERS = {
    "significant": significant,
    "probability": probability,
    "count": count,
    "decimal": decimal,
    "percent": percent,
    "signed": signed,
    "plural": plural,
    "written": written,
    "literal": literal,
    "clip": clip,
}
