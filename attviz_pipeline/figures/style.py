"""Style of the figures, and rendering to files whose bytes depend only on what is drawn."""

import io
import logging
import struct
import textwrap
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib import colormaps, get_data_path
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap, ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

# Half the width of a printed page: what a two-column paper gives a figure.
WIDTH_INCHES = 3.5
CHARACTERS_OF_LINE, LINE_INCHES = 56, 0.15
LONGEST_TOKEN = 18
LONGEST_CLASS = 36
INCHES_PER_CHARACTER = 0.055  # of tick labels, on average
INK = "#1a1a1a"
MUTED = "#6b6b6b"
PALE = "#d9d9d9"
BLUE = "#0072B2"
ORANGE = "#D55E00"
GREEN = "#009E73"
LIGHT_BLUE = "#9ecae1"
SKY_BLUE = "#56B4E9"
YELLOW = "#E69F00"
FONT_FAMILY = "DejaVu Sans"
# Okabe and Ito's colours, distinct for all kinds of colour vision; the line styles differ in grey.
CATEGORY_COLOURS = (BLUE, ORANGE, GREEN, "#CC79A7", YELLOW, SKY_BLUE, INK)
# Roles of heads: shades of one colour for similar roles.
ROLE_COLOURS = (BLUE, SKY_BLUE, "#A9D9F5", ORANGE, "#F0A202", "#F7D070", "#8C3B00", GREEN, PALE)
# Values from low to high, as on the pages (`palette.js`): darker is higher.
VALUE_COLOURS = ("#f5f3ec", "#d5e8d3", "#8fcbbf", "#4496b5", "#2c5d9c", "#1b2357")
VALUES = LinearSegmentedColormap.from_list("values", VALUE_COLOURS)
# Without the lightest of them, for pictures where grey cells have no value.
VALUES_BESIDE_GREY = LinearSegmentedColormap.from_list("values_beside_grey", VALUE_COLOURS[2:])
# Values on both sides of 0, as on the pages: orange below, blue above.
DIVERGING = LinearSegmentedColormap.from_list("diverging", [ORANGE, "white", BLUE])
# Words of a cloud, from the strongest to the weakest.
CLOUD_COLOURS = ("#08213f", "#3d7fb1")
CATEGORY_LINES = (
    "-",
    (0, (5, 1.5)),
    (0, (1, 1)),
    (0, (6, 1.5, 1, 1.5)),
    (0, (3, 1, 1, 1, 1, 1)),
    (0, (8, 2)),
    (0, (2, 2)),
)

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
    "pdf.fonttype": 42,  # whole outlines: journals refuse the other kind
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


@contextmanager
def settled(figure: Figure) -> Iterator[None]:
    """Lay a figure out once, and hold its axes at round places while it is rendered.

    The layout's solver takes its variables in the order of their addresses: from run to run places differ in their last
    bits, and with them the identifiers that an SVG computes from them.
    """
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    figure.set_layout_engine("none")
    for axes in figure.axes:
        axes.set_position(np.round(axes.get_position(original=True).bounds, 6).tolist())
    yield
    for axes in figure.axes:
        axes.set_in_layout(True)
    figure.set_layout_engine(engine)


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


def render(figure: Figure, suffix: str, dpi: int) -> bytes:
    """Return a figure as SVG, PDF or PNG."""
    if suffix == "png":
        return render_png(figure, dpi)[0]
    if suffix == "svg":
        return render_svg(figure).encode()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="pdf", dpi=dpi, metadata={"CreationDate": None, "Creator": None, "Producer": None})
    return buffer.getvalue()


def sentence(text: str) -> Figure:
    """Return a figure that shows a sentence, for example why there is nothing to draw."""
    lines = textwrap.wrap(text, CHARACTERS_OF_LINE)
    figure = Figure(figsize=(WIDTH_INCHES, 0.45 + LINE_INCHES * len(lines)))
    figure.text(0.5, 0.5, "\n".join(lines), ha="center", va="center")
    return figure


def layer_colours(n_layers: int) -> tuple[np.ndarray, ScalarMappable]:
    """Return one colour per layer, [layer, rgba], from light (first) to dark (last), and the scale for a colour bar."""
    # The ends of the map are left out: they would vanish on white and beside black.
    steps = np.linspace(0.12, 0.95, n_layers)
    colours = colormaps["magma_r"](steps)
    scale = ScalarMappable(BoundaryNorm(np.arange(n_layers + 1) - 0.5, n_layers), ListedColormap(colours))
    return colours, scale


def layer_ticks(n_layers: int) -> list[int]:
    """Return the layers that a colour bar of small size can name: all of six, every second of twelve, and so on."""
    return list(range(0, n_layers, -(-n_layers // 6)))


def ink_on(colour: Any) -> str:  # noqa: ANN401 - whatever matplotlib accepts
    """Return the ink with more contrast on a colour (WCAG 2: relative luminance), since texts in cells are small."""
    linear = ((np.array(to_rgb(colour)) + 0.055) / 1.055) ** 2.4
    return "white" if linear @ (0.2126, 0.7152, 0.0722) < 0.179 else "black"


def log_ticks(low: float, high: float, most: int = 6) -> tuple[list[float], list[str]]:
    """Return round numbers on a logarithmic axis, and what to write beside them."""
    decades = 10.0 ** np.arange(-8, 9)
    spaced = [decades[::step] for step in (1, 2, 3, 4)]
    finer = [
        np.outer(decades, steps).ravel() for steps in ((1, 1.5, 2, 2.5, 3, 4, 5, 6, 8), (1, 2, 3, 5), (1, 2, 5), (1, 3))
    ]
    for ticks in [*finer, *spaced]:
        inside = ticks[(ticks >= low * (1 - 1e-6)) & (ticks <= high * (1 + 1e-6))]
        if len(inside) <= most:
            break
    return inside.tolist(), [_power_of_ten(tick) if tick < 1e-3 else f"{tick:,.4g}" for tick in inside.tolist()]


def class_labels(names: Sequence[str]) -> list[str]:
    """Return class names as figures show them: very long ones cut, and numbered where they would look alike then."""
    cut = [legible(name, LONGEST_CLASS) for name in names]
    return [f"{number} {label}" if cut.count(label) > 1 else label for number, label in enumerate(cut, start=1)]


def label_inches(labels: Iterable[str]) -> float:
    """Return about how long the longest of some tick labels is."""
    return INCHES_PER_CHARACTER * max(map(len, labels), default=0)


def legible(token: str, longest: int = LONGEST_TOKEN) -> str:
    """Return a token as figures show it: unprintable characters escaped, very long ones cut, whitespace visible."""
    shown = "".join(character if character.isprintable() else _escaped(character) for character in token)
    shown = shown.replace(" ", "␣") if shown.isspace() or not shown else shown
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


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


def _power_of_ten(value: float) -> str:
    exponent = int(np.floor(np.log10(value) + 1e-9))
    factor = value / 10.0**exponent
    power = "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return power if round(factor, 6) == 1 else f"{factor:g}·{power}"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


@cache
def _covered() -> frozenset[int]:
    return frozenset(FT2Font(str(font_path())).get_charmap())
