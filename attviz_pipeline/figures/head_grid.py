"""One number per head as a heat map, layers from top to bottom."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import FuncFormatter, LogLocator
from numpy.typing import NDArray

from attviz_pipeline.figures import style

MOST_HEADS_WITH_NUMBERS = 16
LARGEST_CELL_INCHES = 0.35
SMALLEST_WRITTEN = 0.01


def head_matrix(layer: NDArray[np.int64], head: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Arrange the columns of a table of heads as [layer, head]."""
    matrix = np.zeros((layer.max() + 1, head.max() + 1))
    matrix[layer, head] = values
    return matrix


def plot_grid(values: NDArray[np.float64], label: str) -> Figure:
    """Plot a heat map on a logarithmic scale.

    Args:
        values: Not negative, about 0.01 to 100 so that they are short when written, [layer, head].
        label: What they are, below the colour bar.
    """
    n_layers, n_heads = values.shape
    cell = min(style.WIDTH_INCHES * 0.9 / n_heads, LARGEST_CELL_INCHES)
    figure = Figure(figsize=(style.WIDTH_INCHES, 0.95 + cell * n_layers), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(values, cmap="cividis", norm=_norm(values))
    axes.set_xticks(range(n_heads))
    axes.set_yticks(range(n_layers))
    axes.set_xlabel("head")
    axes.set_ylabel("layer")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    _separate_cells(axes, n_layers, n_heads)
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


def _separate_cells(axes: Axes, n_layers: int, n_heads: int) -> None:
    axes.set_xticks(np.arange(n_heads + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(n_layers + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=0.8)
    axes.tick_params(which="minor", length=0)


def _write_numbers(axes: Axes, image: AxesImage, values: NDArray[np.float64]) -> None:
    size = min(6.5, 74 / values.shape[1])
    for (layer, head), value in np.ndenumerate(values):
        red, green, blue, _ = image.to_rgba(np.array([value]))[0]
        ink = "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.5 else "black"
        axes.text(head, layer, _short(value), ha="center", va="center", color=ink, fontsize=size)


def _short(value: float) -> str:
    if 0 < value < SMALLEST_WRITTEN:
        return f"<{SMALLEST_WRITTEN}"
    return f"{value:.0f}" if value >= 10 or value == 0 else f"{value:#.2g}".rstrip(".")
