"""Map of the heads: similar heads are close to each other."""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from attviz_pipeline.figures import style
from attviz_pipeline.figures.drawing import Drawing, Inputs
from attviz_pipeline.figures.likeness import Likeness, draw_per_measure, groups_in_words
from attviz_pipeline.formats import MINUS

KIND = "head_map"
NAME_SIZE = 5
# Points: width of a dot, and from its rim to its name.
DOT, GAP = 4.0, 0.7
# Where a name may stand beside its dot, the best places first.
SIDES = [(1, 0), (-1, 0), (0, 1), (0, -1), (0.8, 0.8), (-0.8, 0.8), (0.8, -0.8), (-0.8, -0.8)]
MARKERS = "osD^v<>phX*P"


def draw_head_maps(inputs: Inputs) -> Iterator[Drawing]:
    """Draw one map per measure.

    Raises:
        ArtifactError: A table of the comparison is unusable.
    """
    return draw_per_measure(
        inputs, kind=KIND, plot=_plot, caption=_caption, alt=_alt, numbers=lambda likeness: likeness.heads
    )


def _caption(likeness: Likeness) -> str:
    stress = likeness.facts["groups"]["stress"]
    what = f"1 {MINUS} area" if likeness.measure.high_is_similar else "the distances"
    # Kruskal 1964 calls a fifth poor.
    warning = ", so it is only a rough guide" if stress > 0.2 else ""
    has_groups = likeness.facts["groups"]["outcome"] == "found"
    shapes = "Shapes mark the groups of the dendrogram. " if has_groups else ""
    return (
        f"Map of the heads by {likeness.measure.title}, over {likeness.basis}: similar heads are close to each "
        f"other (multidimensional scaling of {what}; names are omitted where there is no room; the axes "
        f"have no meaning). Distances on the map deviate from the true ones by {stress * 100:.0f} % (stress){warning}. "
        f"{shapes}{groups_in_words(likeness)}"
    )


def _alt(likeness: Likeness) -> str:
    return (
        f"Map of {likeness.heads.num_rows} heads, coloured by layer. "
        f"Most similar: {likeness.extreme(similar=True)}; "
        f"least similar: {likeness.extreme(similar=False)}. {_layers_in_words(likeness)} {groups_in_words(likeness)}"
    )


def _layers_in_words(likeness: Likeness) -> str:
    """Compare distances within layers with those between layers."""
    layer = likeness.column("layer")
    place = np.column_stack([likeness.column("x"), likeness.column("y")])
    apart = np.linalg.norm(place[:, None] - place[None], axis=2)[np.triu_indices(len(place), 1)]
    same = (layer[:, None] == layer[None])[np.triu_indices(len(place), 1)]
    if same.all() or not same.any():
        return "All heads are in one layer." if same.all() else "Every layer has one head."
    own, others = apart[same].mean(), apart[~same].mean()
    return f"Mean distance on the map: {own:.2f} within layers, {others:.2f} between layers."


def _plot(likeness: Likeness) -> Figure:
    x, y = likeness.column("x"), likeness.column("y")
    reach = max(np.ptp(x), np.ptp(y)) or 1.0
    # As wide as the page allows and as high as the heads spread, so that both axes have one scale.
    height = np.clip(style.WIDTH_INCHES * (np.ptp(y) + 0.12 * reach) / (np.ptp(x) + 0.12 * reach), 1.2, 3.4)
    figure = Figure(figsize=(style.WIDTH_INCHES, height + 0.45), layout="constrained")
    axes = figure.subplots()
    colours, scale = style.layer_colours(likeness.facts["n_layers"])
    _plot_heads(axes, likeness, colours)
    axes.set_aspect("equal")
    axes.margins(0.06)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color(style.PALE)
    bar = figure.colorbar(scale, ax=axes, location="bottom", aspect=40, shrink=0.5, pad=0.02)
    bar.set_ticks(style.layer_ticks(likeness.facts["n_layers"]))
    bar.set_label("layer")
    bar.outline.set_visible(False)
    bar.ax.minorticks_off()
    bar.ax.tick_params(length=1.5, pad=1.5)
    _write_names(figure, axes, likeness)
    return figure


def _plot_heads(axes: Axes, likeness: Likeness, colours: np.ndarray) -> None:
    x, y, layer, cluster = (likeness.column(name) for name in ("x", "y", "layer", "cluster"))
    # The largest group gets the plainest shape; more groups than shapes share them.
    by_size = np.argsort(-np.bincount(cluster), kind="stable")
    for number, group in enumerate(by_size):
        rows = cluster == group
        marker = MARKERS[number % len(MARKERS)]
        axes.scatter(
            x[rows], y[rows], s=16, marker=marker, c=colours[layer[rows]], edgecolors=style.INK, linewidths=0.4
        )


def _write_names(figure: Figure, axes: Axes, likeness: Likeness) -> None:
    """Write names beside the dots where there is room; the outer heads, which stand out, come first."""
    figure.draw_without_rendering()
    point = figure.dpi / 72
    dots = axes.transData.transform(np.column_stack([likeness.column("x"), likeness.column("y")]))
    names = [likeness.names.of(*of) for of in zip(likeness.column("layer"), likeness.column("head"), strict=True)]
    taken = [_box(dot, DOT * point, DOT * point) for dot in dots]
    for row in np.argsort(-np.linalg.norm(dots - dots.mean(axis=0), axis=1), kind="stable"):
        width, height = 0.6 * len(names[row]) * NAME_SIZE * point, NAME_SIZE * point
        boxes = [_box(dots[row] + _shift(side, width, height, point), width, height) for side in SIDES]
        box = next((box for box in boxes if _is_free(box, taken, axes.get_window_extent())), None)
        if box is not None:
            taken.append(box)
            middle = axes.transData.inverted().transform(((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2))
            axes.text(middle[0], middle[1], names[row], ha="center", va="center", fontsize=NAME_SIZE)


def _box(middle: np.ndarray, width: float, height: float) -> Bbox:
    return Bbox.from_bounds(middle[0] - width / 2, middle[1] - height / 2, width, height)


def _shift(side: tuple[float, float], width: float, height: float, point: float) -> np.ndarray:
    """Return the way from the middle of a dot to the middle of its name, in pixels."""
    return np.array(side) * (np.array([width, height]) / 2 + (DOT / 2 + GAP) * point)


def _is_free(box: Bbox, taken: list[Bbox], frame: Bbox) -> bool:
    inside = frame.x0 < box.x0 and box.x1 < frame.x1 and frame.y0 < box.y0 and box.y1 < frame.y1
    return inside and not box.count_overlaps(taken)
