"""How figures look, and how they become files whose bytes depend on nothing but what is drawn."""

import io
import logging
import struct
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib.style
from matplotlib import get_data_path
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

# Half the width of a printed page: what a two-column paper gives a figure.
WIDTH_INCHES = 3.5
LONGEST_TOKEN = 18
INK = "#1a1a1a"
MUTED = "#6b6b6b"
PALE = "#d9d9d9"
BLUE = "#0072B2"
FONT_FAMILY = "DejaVu Sans"

STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": [FONT_FAMILY],
    "font.size": 7,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "attviz",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the house's style, whatever the user's own settings of matplotlib are."""
    with matplotlib.style.context(["default", STYLE]), warnings.catch_warnings():
        # Reported once, and by token, in `warn_of_missing_glyphs`.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        yield


def render_svg(figure: Figure) -> str:
    """Return a figure as SVG with text as text; no date, no random identifiers."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def render_png(figure: Figure, dpi: int) -> tuple[bytes, int, int]:
    """Return a figure as PNG without metadata, its width and its height in pixels."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    image = buffer.getvalue()
    # The size follows the eight bytes of signature and eight of the first chunk's length and name.
    width, height = struct.unpack_from(">II", image, 16)
    return image, width, height


def sentence(text: str) -> Figure:
    """Return a figure that says why there is nothing to draw."""
    figure = Figure(figsize=(WIDTH_INCHES, 0.6))
    figure.text(0.5, 0.5, text, ha="center", va="center")
    return figure


def legible(token: str) -> str:
    """Return a token as figures show it: unprintable characters escaped, very long ones cut, whitespace visible."""
    shown = "".join(character if character.isprintable() else _escaped(character) for character in token)
    shown = shown.replace(" ", "␣") if shown.isspace() or not shown else shown
    return shown if len(shown) <= LONGEST_TOKEN else shown[: LONGEST_TOKEN - 1] + "…"


def font_path() -> Path:
    """Return the font that comes with matplotlib, so that layouts do not depend on the machine's fonts."""
    return Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


def warn_of_missing_glyphs(tokens: Iterable[str], log: logging.Logger) -> None:
    """Log the tokens that PNG files show as boxes, because the font lacks their characters."""
    lacking = sorted({token for token in tokens if any(ord(character) not in _covered() for character in token)})
    if lacking:
        log.warning(
            "%d tokens have characters that the font of the PNG figures lacks, for example %r: they are shown as boxes",
            len(lacking),
            lacking[0],
        )


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


@cache
def _covered() -> frozenset[int]:
    return frozenset(FT2Font(str(font_path())).get_charmap())
