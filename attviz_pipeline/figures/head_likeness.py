"""Similarity of every pair of heads, in the order of their dendrogram."""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from attviz_pipeline.figures import style
from attviz_pipeline.figures.drawing import Drawing, Inputs
from attviz_pipeline.figures.likeness import Likeness, draw_per_measure, groups_in_words
from attviz_pipeline.significance import SIGNIFICANT

KIND = "head_likeness"
MOST_HEADS_WITH_NAMES = 36
LARGEST_CELL_INCHES = 0.4
# Inches: margin, strip of layers, names of heads, dendrogram, colour bars with their labels.
EDGE, STRIP, NAMES, DENDROGRAM, BARS = 0.06, 0.1, 0.34, 0.5, 0.44
# Left, bottom, width and height in inches.
VALUE_BAR, CHANCE_BAR, LAYER_BAR = (0.06, 0.31, 1.45, 0.07), (1.85, 0.31, 0.25, 0.07), (2.4, 0.31, 1.0, 0.07)


def draw_head_likeness(inputs: Inputs) -> Iterator[Drawing]:
    """Draw one heat map with its dendrogram per measure.

    Raises:
        ArtifactError: A table of the comparison is unusable.
    """
    return draw_per_measure(
        inputs, kind=KIND, plot=_plot, caption=_caption, alt=_alt, numbers=lambda likeness: likeness.pairs
    )


def _caption(likeness: Likeness) -> str:
    reading = "higher is more similar" if likeness.measure.high_is_similar else "lower is more similar"
    return (
        f"{likeness.measure.title}, over {likeness.basis}; {reading}. Heads are in the order of the dendrogram "
        f"(average linkage); the strips show their layers. Grey: pairs not shown to be more similar than chance "
        f"(q ≥ {SIGNIFICANT}, {likeness.facts['n_permutations']} permutations, Benjamini-Hochberg over all pairs). "
        f"{likeness.compared_with_chance} {groups_in_words(likeness)}"
    )


def _alt(likeness: Likeness) -> str:
    n_heads = likeness.heads.num_rows
    return (
        f"Heat map of {n_heads} by {n_heads} heads with dendrogram. "
        f"Most similar: {likeness.extreme(similar=True)}; "
        f"least similar: {likeness.extreme(similar=False)}. {likeness.compared_with_chance} {groups_in_words(likeness)}"
    )


def _plot(likeness: Likeness) -> Figure:
    order = np.argsort(likeness.column("order"))
    named = len(order) <= MOST_HEADS_WITH_NAMES
    margin = STRIP + (NAMES if named else 0.0)
    size = min(style.WIDTH_INCHES - margin - 2 * EDGE, LARGEST_CELL_INCHES * len(order))
    left, bottom = (style.WIDTH_INCHES + margin - size) / 2, BARS + margin - STRIP
    figure = Figure(figsize=(style.WIDTH_INCHES, bottom + size + STRIP + DENDROGRAM + EDGE))
    pairs = _axes(figure, left, bottom, size, size)
    image = _plot_pairs(pairs, likeness, order)
    beside = _axes(figure, left - STRIP, bottom, STRIP * 0.8, size)
    above = _axes(figure, left, bottom + size + STRIP * 0.2, size, STRIP * 0.8)
    _plot_layers(beside, above, likeness, order)
    _plot_dendrogram(_axes(figure, left, bottom + size + STRIP, size, DENDROGRAM), likeness)
    if named:
        _write_names(beside, pairs, likeness, order)
    _plot_bars(figure, likeness, image)
    return figure


def _plot_layers(beside: Axes, above: Axes, likeness: Likeness, order: np.ndarray) -> None:
    colours, _ = style.layer_colours(likeness.facts["n_layers"])
    strip = colours[likeness.column("layer")[order]]
    beside.imshow(strip[:, None], aspect="auto")
    above.imshow(strip[None], aspect="auto")
    beside.set_axis_off()
    above.set_axis_off()


def _axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes at a place given in inches."""
    total_width, total_height = figure.get_size_inches()
    place = (left / total_width, bottom / total_height, width / total_width, height / total_height)
    axes: Axes = figure.add_axes(place)
    return axes


def _plot_pairs(axes: Axes, likeness: Likeness, order: np.ndarray) -> AxesImage:
    values = likeness.square("value")[np.ix_(order, order)]
    by_chance = likeness.square("q")[np.ix_(order, order)] >= SIGNIFICANT
    # Dark is similar in both measures.
    similar = style.VALUES_BESIDE_GREY
    colours = similar if likeness.measure.high_is_similar else similar.reversed()
    image = axes.imshow(np.where(by_chance, np.nan, values), cmap=colours, norm=_norm(values, by_chance))
    # Grey where chance explains the value, white on the diagonal.
    axes.imshow(np.where(by_chance, 1.0, np.nan), cmap=ListedColormap([style.PALE]), interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    return image


def _norm(values: np.ndarray, by_chance: np.ndarray) -> Normalize:
    shown = values[~by_chance & np.isfinite(values)]
    return Normalize(shown.min(), shown.max()) if shown.size else Normalize(0, 1)


def _plot_dendrogram(axes: Axes, likeness: Likeness) -> None:
    merges = likeness.facts["groups"]["linkage"]
    place, height = list(likeness.column("order").astype(float)), [0.0] * likeness.heads.num_rows
    lines = []
    for one, other, distance, _ in merges:
        (x, y), (x_other, y_other) = ((place[int(node)], height[int(node)]) for node in (one, other))
        lines.append([(x, y), (x, distance), (x_other, distance), (x_other, y_other)])
        place.append((x + x_other) / 2)
        height.append(distance)
    axes.add_collection(LineCollection(lines, colors=style.INK, linewidths=0.5))
    axes.set_xlim(-0.5, likeness.heads.num_rows - 0.5)
    lowest = min(merge[2] for merge in merges)
    # Average linkage of real heads starts far above 0: the empty part below would squeeze the rest.
    axes.set_ylim(lowest * 0.9, (height[-1] or 1) * 1.02)
    axes.set_axis_off()


def _write_names(beside: Axes, pairs: Axes, likeness: Likeness, order: np.ndarray) -> None:
    names = [likeness.names.of(likeness.column("layer")[row], likeness.column("head")[row]) for row in order]
    size = min(6.0, 150 / len(names))
    pairs.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
    pairs.tick_params(length=0, pad=1.5)
    for row, name in enumerate(names):
        beside.text(-0.8, row, name, ha="right", va="center", fontsize=size)


def _plot_bars(figure: Figure, likeness: Likeness, image: AxesImage) -> None:
    values = figure.colorbar(image, cax=_axes(figure, *VALUE_BAR), orientation="horizontal")
    values.set_label(likeness.measure.axis)
    values.ax.locator_params(nbins=4)
    chance = _axes(figure, *CHANCE_BAR)
    chance.set_facecolor(style.PALE)
    chance.set_xticks([0.5], ["no more similar\nthan chance"])
    chance.set_yticks([])
    chance.spines[:].set_visible(False)
    n_layers = likeness.facts["n_layers"]
    layers = figure.colorbar(style.layer_colours(n_layers)[1], cax=_axes(figure, *LAYER_BAR), orientation="horizontal")
    layers.set_label("layer")
    layers.set_ticks(style.layer_ticks(n_layers))
    for bar in (values, layers):
        bar.outline.set_visible(False)
        bar.ax.minorticks_off()
    for axes in (values.ax, chance, layers.ax):
        axes.tick_params(length=1.5, pad=1.5)
    chance.tick_params(length=0)
