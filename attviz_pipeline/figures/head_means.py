"""Mean self-attention of every layer and head, as a heat map."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import FuncFormatter, LogLocator

from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.figures import style
from attviz_pipeline.figures.drawing import Drawing, Inputs, finish

KIND = "head_means"
MOST_HEADS_WITH_NUMBERS = 16
LARGEST_CELL_INCHES = 0.35
SMALLEST_PERCENT = 0.01


def draw_head_means(inputs: Inputs) -> Iterator[Drawing]:
    """Draw the mean self-attention of all heads, layers from top to bottom.

    Raises:
        ArtifactError: The table of heads is unusable.
    """
    table = files.read_table(inputs.heads, statistics_schemas.HEADS)
    means = _matrix(table)
    yield finish(
        lambda: _plot(means),
        name=KIND,
        kind=KIND,
        dpi=inputs.settings.dpi,
        caption=(
            "Mean self-attention of every head over all non-special tokens, in percent: "
            "5 means that a token gives a twentieth of its attention to itself on average. Not corrected for length: "
            "even attention gives 1/n in a text of n tokens."
        ),
        alt=_alt(means),
        columns=table.select(["layer", "head", "count", "mean", "std", "min", "max"]).to_pydict(),
    )


def _matrix(table: pa.Table) -> np.ndarray:
    layer, head = (table[name].to_numpy() for name in ("layer", "head"))
    means = np.zeros((layer.max() + 1, head.max() + 1))
    means[layer, head] = table["mean"].to_numpy()
    return means


def _alt(means: np.ndarray) -> str:
    n_layers, n_heads = means.shape
    highest, lowest = (np.unravel_index(index, means.shape) for index in (means.argmax(), means.argmin()))
    by_layer = means.mean(axis=1)
    opening = f"Heat map of {_counted(n_layers, 'layer')} by {_counted(n_heads, 'head')}."
    if f"{means.max():.3g}" == f"{means.min():.3g}":
        return f"{opening} Mean self-attention: {means.max():.3g}{' in every head' if means.size > 1 else ''}."
    sentence = (
        f"{opening} Highest mean self-attention: layer {highest[0]}, head {highest[1]} ({means[highest]:.3g}); "
        f"lowest: layer {lowest[0]}, head {lowest[1]} ({means[lowest]:.3g})."
    )
    if n_layers == 1 or n_heads == 1:
        return sentence
    return (
        f"{sentence} Averaged over heads, layer {by_layer.argmax()} has the highest mean ({by_layer.max():.3g}) "
        f"and layer {by_layer.argmin()} the lowest ({by_layer.min():.3g})."
    )


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def _plot(means: np.ndarray) -> Figure:
    n_layers, n_heads = means.shape
    cell = min(style.WIDTH_INCHES * 0.9 / n_heads, LARGEST_CELL_INCHES)
    figure = Figure(figsize=(style.WIDTH_INCHES, 0.95 + cell * n_layers), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(means * 100, cmap="cividis", norm=_norm(means * 100))
    axes.set_xticks(range(n_heads))
    axes.set_yticks(range(n_layers))
    axes.set_xlabel("head")
    axes.set_ylabel("layer")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    _separate_cells(axes, n_layers, n_heads)
    if n_heads <= MOST_HEADS_WITH_NUMBERS:
        _write_numbers(axes, image, means * 100)
    bar = figure.colorbar(image, ax=axes, location="bottom", aspect=40, shrink=0.7)
    bar.outline.set_visible(False)
    bar.set_label("mean self-attention, % (log scale)")
    bar.ax.minorticks_off()
    bar.ax.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    return figure


def _norm(percent: np.ndarray) -> Normalize:
    positive = percent[percent > 0]
    if not positive.size:
        return Normalize(0, 1)
    return LogNorm(positive.min(), positive.max(), clip=True)


def _separate_cells(axes: Axes, n_layers: int, n_heads: int) -> None:
    axes.set_xticks(np.arange(n_heads + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(n_layers + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=0.8)
    axes.tick_params(which="minor", length=0)


def _write_numbers(axes: Axes, image: AxesImage, percent: np.ndarray) -> None:
    size = min(6.5, 74 / percent.shape[1])
    for (layer, head), value in np.ndenumerate(percent):
        red, green, blue, _ = image.to_rgba(np.array([value]))[0]
        ink = "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.5 else "black"
        axes.text(head, layer, _short(value), ha="center", va="center", color=ink, fontsize=size)


def _short(value: float) -> str:
    if 0 < value < SMALLEST_PERCENT:
        return f"<{SMALLEST_PERCENT}"
    return f"{value:.0f}" if value >= 10 or value == 0 else f"{value:#.2g}".rstrip(".")
