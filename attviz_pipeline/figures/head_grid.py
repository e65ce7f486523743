"""One number per head as a heat map, layers from top to bottom."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import FuncFormatter, LogLocator
from numpy.typing import NDArray

from attviz_pipeline.figures import style
from attviz_pipeline.figures.head_names import HEADS, HeadNames

MOST_HEADS_WITH_NUMBERS = 16
MOST_NAMED = (16, 16)
LARGEST_CELL_INCHES = 0.35
SMALLEST_WRITTEN = 0.01


def head_matrix(layer: NDArray[np.int64], head: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Arrange the columns of a table of heads as [layer, head]."""
    matrix = np.zeros((layer.max() + 1, head.max() + 1))
    matrix[layer, head] = values
    return matrix


def plot_grid(values: NDArray[np.float64], label: str, names: HeadNames = HEADS) -> Figure:
    """Plot a heat map on a logarithmic scale.

    Args:
        values: Not negative, about 0.01 to 100 so that they are short when written, [layer, head].
        label: What they are, below the colour bar.
        names: What layers and heads are called.
    """
    n_layers, n_heads = values.shape
    cell = min(style.WIDTH_INCHES * 0.9 / n_heads, LARGEST_CELL_INCHES)
    figure = Figure(figsize=(style.WIDTH_INCHES, 0.95 + cell * n_layers), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(values, cmap=style.VALUES, norm=_norm(values))
    names.frame(axes, n_layers, n_heads, MOST_NAMED)
    if n_heads <= MOST_HEADS_WITH_NUMBERS:
        _write_numbers(axes, image, values)
    bar = figure.colorbar(image, ax=axes, location="bottom", aspect=40, shrink=0.7)
    bar.outline.set_visible(False)
    bar.set_label(label)
    bar.ax.minorticks_off()
    bar.ax.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    return figure


def _norm(values: NDArray[np.float64]) -> Normalize:
    positive = values[values > 0]
    if not positive.size:
        return Normalize(0, 1)
    return LogNorm(positive.min(), positive.max(), clip=True)


def _write_numbers(axes: Axes, image: AxesImage, values: NDArray[np.float64]) -> None:
    size = min(6.5, 74 / values.shape[1])
    for (layer, head), value in np.ndenumerate(values):
        ink = style.ink_on(image.to_rgba(np.array([value]))[0])
        axes.text(head, layer, _short(value), ha="center", va="center", color=ink, fontsize=size)


def _short(value: float) -> str:
    if 0 < value < SMALLEST_WRITTEN:
        return f"<{SMALLEST_WRITTEN}"
    return f"{value:.0f}" if value >= 10 or value == 0 else f"{value:#.2g}".rstrip(".")
