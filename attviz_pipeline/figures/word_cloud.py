"""Word clouds of the tokens with the highest mean self-attention, per head and over all (Škrlj et al., Figure 6)."""

import io
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont
from wordcloud import WordCloud

from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.figures import style
from attviz_pipeline.figures.drawing import Drawing, Inputs
from attviz_pipeline.figures.ranking import Ranking, rank_all_heads, rank_each_head
from attviz_pipeline.figures.wording import support, top_in_words, where

KIND = "word_cloud"
WIDTH, HEIGHT = 640, 400
PIXELS_PER_INCH = 96
SMALLEST_FONT = 13
LARGEST_FONT = 120
# Share of the canvas that words may fill at the first try, and the step to the next.
FILLING = 0.56
SHRINKING = 0.95
# One hue, dark to light, so that the order survives grey and colour blindness; the light end is 4.3 to 1 on white.
STRONGEST, WEAKEST = style.CLOUD_COLOURS
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PlacedWord:
    """One word of a cloud: `x` and `y` are where its baseline starts, in pixels, `length` its width."""

    text: str
    font_size: int
    x: float
    y: float
    length: float
    colour: str


@dataclass(frozen=True)
class Cloud:
    """What a cloud shows.

    Attributes:
        name: Name of the figure.
        kind: Its kind.
        sizes: Values by word, to which font sizes are proportional.
        caption: What is drawn and how to read it, given how many words there was room for.
        alt: What it shows, in words and numbers.
        columns: The numbers drawn.
        empty: What the picture says without words.
        layer: Layer that it shows, or None.
        head: Head that it shows, or None.
        group: Class or label that it shows, or None.
    """

    name: str
    kind: str
    sizes: dict[str, float]
    caption: Callable[[int], str]
    alt: str
    columns: Mapping[str, Sequence[Any]]
    empty: str
    layer: int | None = None
    head: int | None = None
    group: str | None = None


def count_heads(inputs: Inputs) -> int:
    """Return how many heads have a cloud.

    Raises:
        ArtifactError: The table of heads is unusable.
    """
    return files.count_rows(inputs.heads, statistics_schemas.HEADS)


def draw_clouds(inputs: Inputs) -> Iterator[Drawing]:
    """Draw one cloud over all heads, then one per head.

    Raises:
        ArtifactError: A table of tokens is unusable.
    """
    n_words = inputs.settings.n_cloud_words
    everywhere = rank_all_heads(inputs, n_words)
    style.warn_of_missing_glyphs(everywhere.columns["token"], log)
    yield draw_cloud(_cloud(everywhere, inputs), inputs)
    for ranking in rank_each_head(inputs, n_words):
        yield draw_cloud(_cloud(ranking, inputs), inputs)


def draw_cloud(cloud: Cloud, inputs: Inputs) -> Drawing:
    """Draw one cloud; without words, the picture says why."""
    if not cloud.sizes:
        log.warning("figure %s is empty: %s", cloud.name, cloud.empty)
    words = _lay_out(cloud.sizes, inputs.seed)
    if len(words) < len(cloud.sizes):
        log.warning("figure %s has room for %d of %d words", cloud.name, len(words), len(cloud.sizes))
    png, width, height = _render_png(words, cloud.empty, inputs.settings.dpi)
    return Drawing(
        name=cloud.name,
        kind=cloud.kind,
        layer=cloud.layer,
        head=cloud.head,
        caption=cloud.caption(len(words)) if words else cloud.empty,
        alt=cloud.alt if words else cloud.empty,
        svg=_render_svg(words, cloud.empty),
        png=png,
        width=width,
        height=height,
        columns=cloud.columns,
        figure=_figure(words, cloud.empty),
        reason="" if words else cloud.empty,
        group=cloud.group,
    )


def _cloud(ranking: Ranking, inputs: Inputs) -> Cloud:
    return Cloud(
        name=KIND if ranking.layer is None else f"{KIND}-L{ranking.layer:02d}-H{ranking.head:02d}",
        kind=KIND,
        sizes=by_word(ranking.columns["token"], ranking.columns["mean"]),
        caption=partial(_caption, ranking, inputs),
        alt=top_in_words("Word cloud", ranking, inputs),
        columns={"rank": range(1, len(ranking.columns["token"]) + 1), **ranking.columns},
        empty=support(ranking, inputs),
        layer=ranking.layer,
        head=ranking.head,
    )


def _caption(ranking: Ranking, inputs: Inputs, n_words: int) -> str:
    return (
        f"The {n_words} tokens with the highest mean self-attention {where(ranking, inputs.names)}. "
        f"{support(ranking, inputs)} Font size is proportional to the mean, down to a smallest legible size; "
        "stronger colour is higher; positions have no meaning. Not corrected for length, and extreme for rare tokens."
    )


def by_word(terms: Sequence[str], values: Sequence[float]) -> dict[str, float]:
    """Return values by word as a cloud shows it; of words that look alike when cut, the first, which is strongest."""
    found: dict[str, float] = {}
    for term, value in zip(terms, values, strict=True):
        found.setdefault(style.legible(term), value)
    return found


def _lay_out(means: dict[str, float], seed: int) -> list[PlacedWord]:
    """Place the words with font sizes proportional to their means, as large as the canvas allows."""
    if not means:
        return []
    largest = _first_guess(means)
    while True:
        sizes = _font_sizes(means, largest)
        cloud = WordCloud(
            font_path=str(style.font_path()),
            width=WIDTH,
            height=HEIGHT,
            margin=10,
            max_words=len(sizes),
            min_font_size=SMALLEST_FONT,
            max_font_size=max(sizes.values()),
            prefer_horizontal=1,
            relative_scaling=1,
            random_state=seed,
            color_func=lambda word, **_: _colour(word, means),
        ).generate_from_frequencies(sizes)
        placed = [(word, size, position, colour) for (word, _), size, position, _, colour in cloud.layout_]
        complete = len(placed) == len(sizes) and all(size == sizes[word] for word, size, _, _ in placed)
        if complete or max(sizes.values()) == SMALLEST_FONT:
            return [_baseline(*word) for word in placed]
        largest *= SHRINKING


def _first_guess(means: dict[str, float]) -> float:
    """Return the largest font size at which the words' boxes fill their share of the canvas and each fits its width."""
    top = max(means.values()) or 1
    lengths = {word: _font(100).getlength(word) / 100 for word in means}
    area = sum(lengths[word] * (mean / top) ** 2 for word, mean in means.items())
    widest = max(lengths[word] * mean / top for word, mean in means.items())
    by_area = (FILLING * WIDTH * HEIGHT / max(area, 1e-9)) ** 0.5
    by_width = 0.95 * WIDTH / max(widest, 1e-9)
    return float(min(by_area, by_width, LARGEST_FONT))


def _font_sizes(means: dict[str, float], largest: float) -> dict[str, int]:
    top = max(means.values()) or 1
    # With whole numbers as frequencies the library's successive rounding returns exactly these sizes.
    return {word: max(round(largest * mean / top), SMALLEST_FONT) for word, mean in means.items()}


def _colour(word: str, means: dict[str, float]) -> str:
    top, bottom = max(means.values()), min(means.values())
    weakness = (top - means[word]) / (top - bottom) if top > bottom else 0.0
    dark, light = np.array(to_rgb(STRONGEST)), np.array(to_rgb(WEAKEST))
    return to_hex(dark + (light - dark) * weakness)


def _baseline(word: str, size: int, corner: tuple[int, int], colour: str) -> PlacedWord:
    # The library places the top left corner of the ink, as row and column.
    font, (row, column) = _font(size), corner
    left, top, _, _ = font.getbbox(word, anchor="ls")
    return PlacedWord(word, size, float(column - left), float(row - top), round(font.getlength(word), 1), colour)


@cache
def _font(size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(style.font_path()), size)


def _render_svg(words: list[PlacedWord], otherwise: str) -> str:
    # `textLength` holds every word to the width it was laid out with, whatever font the reader's machine has.
    lines = [
        f'<text x="{word.x:g}" y="{word.y:g}" font-size="{word.font_size}" fill="{word.colour}" '
        f'textLength="{word.length:g}" lengthAdjust="spacingAndGlyphs">{escape(word.text)}</text>'
        for word in words
    ]
    if not words:
        middle = f'x="{WIDTH / 2:g}" y="{HEIGHT / 2:g}" text-anchor="middle"'
        lines = [f'<text {middle} font-size="20">{escape(otherwise)}</text>']
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{style.FONT_FAMILY}, Verdana, sans-serif">'
    return "\n".join([opening, '<rect width="100%" height="100%" fill="white"/>', *lines, "</svg>\n"])


def _figure(words: list[PlacedWord], otherwise: str) -> Figure:
    figure = Figure(figsize=(WIDTH / PIXELS_PER_INCH, HEIGHT / PIXELS_PER_INCH))
    points_per_pixel = 72 / PIXELS_PER_INCH
    for word in words:
        place = word.x / WIDTH, 1 - word.y / HEIGHT
        figure.text(*place, word.text, fontsize=word.font_size * points_per_pixel, color=word.colour, va="baseline")
    if not words:
        figure.text(0.5, 0.5, otherwise, ha="center", va="center", fontsize=20 * points_per_pixel)
    return figure


def _render_png(words: list[PlacedWord], otherwise: str, dpi: int) -> tuple[bytes, int, int]:
    scale = dpi / PIXELS_PER_INCH
    image = Image.new("RGB", (round(WIDTH * scale), round(HEIGHT * scale)), "white")
    canvas = ImageDraw.Draw(image)
    for word in words:
        font = _font(word.font_size * scale)
        canvas.text((word.x * scale, word.y * scale), word.text, fill=word.colour, font=font, anchor="ls")
    if not words:
        canvas.text((image.width / 2, image.height / 2), otherwise, fill=style.INK, font=_font(20 * scale), anchor="mm")
    buffer = io.BytesIO()
    # A palette holds all shades of the one hue, in less than half of the bytes.
    image.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(buffer, format="PNG")
    return buffer.getvalue(), image.width, image.height
