"""Distributions of the largest, mean and smallest self-attention over heads, on log scale, and normal Q-Q plots."""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import ndtri

from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.artifacts.histogram import BINS_PER_DECADE, bin_edges
from attviz_pipeline.config.settings import TaskName
from attviz_pipeline.figures import style
from attviz_pipeline.figures.drawing import Drawing, Inputs, empty, finish
from attviz_pipeline.tasks.registry import task_of

KIND = "log_distributions"
QUANTILE_KIND = "normal_quantiles"
STATISTICS = ("max", "mean", "min")
MOST_LINES = len(style.CATEGORY_COLOURS)
WHOSE = {"term": "over terms", "class": "one per class", "label": "one per label", "layer": "one per layer"}
_OCCURRENCE = "the largest, mean and smallest self-attention of every occurrence of a term over"
COUNTED = {
    "term": "the largest, mean and smallest self-attention of every term in enough documents, over its occurrences and "
    "all heads",
    "occurrence": f"{_OCCURRENCE} all heads",
    "class": f"{_OCCURRENCE} all heads, by gold class",
    "label": f"{_OCCURRENCE} all heads, by gold label",
    "layer": f"{_OCCURRENCE} the heads of a layer",
}
WITHOUT = {"single_label": "unknown", "multi_label": "no label, or unknown", "regression": "all"}
"""What documents of no class or label are called, by task."""
GROUPS = ("class", "label")
"""What documents are divided by: their gold class, or each of their gold labels."""
OVERLAP = "Documents with several labels count for each. "
NEGLIGIBLE = 0.002
"""A density below this, per decade, is no reason to widen the axis."""
REASON = "No term occurs in the documents."
log = logging.getLogger(__name__)


def draw_log_distributions(inputs: Inputs) -> Iterator[Drawing]:
    """Draw the distributions over terms as in the paper, then those over occurrences by class or label and by layer.

    Documents with several gold labels count for each. Without gold labels there is no figure by class or label, and
    of imported attention, which has no layers, none by layer.

    Raises:
        ArtifactError: A table is unusable.
    """
    task, names, histograms = _read(inputs)
    group = "label" if task == "multi_label" else "class"
    for by, found in (
        ("term", _of_terms(inputs)[None]),
        (group, histograms[:-1, -1]),
        ("layer", histograms[-1, :-1]),
    ):
        name = f"{KIND}-{by}"
        if (by == group and not found[:-1].sum()) or (by == "layer" and inputs.names.imported):
            continue
        if not found.sum():
            log.warning("figure %s is empty: %s", name, REASON)
            yield empty(REASON, name=name, kind=KIND, dpi=inputs.settings.dpi, columns=[by])
            continue
        yield _distributions(name, by, found, names, inputs.settings.dpi, OVERLAP if by == "label" else "")


def draw_normal_quantiles(inputs: Inputs) -> Iterator[Drawing]:
    """Draw the quantiles of the logarithms against those of the normal distribution, of terms and of occurrences.

    Raises:
        ArtifactError: A table is unusable.
    """
    dpi = inputs.settings.dpi
    for of, histograms in (("term", _of_terms(inputs)), ("occurrence", _read(inputs)[2][-1, -1])):
        name = f"{QUANTILE_KIND}-{of}"
        if not histograms.sum():
            log.warning("figure %s is empty: %s", name, REASON)
            yield empty(REASON, name=name, kind=QUANTILE_KIND, dpi=dpi, columns=["statistic"])
            continue
        yield _normal_quantiles(name, of, [_quantiles(histogram) for histogram in histograms], dpi)


def _normal_quantiles(name: str, of: str, points: list[tuple[np.ndarray, np.ndarray]], dpi: int) -> Drawing:
    return finish(
        lambda: _plot_quantiles(points),
        name=name,
        kind=QUANTILE_KIND,
        caption=(
            f"Normal Q-Q of {COUNTED[of]}. If the logarithm of self-attention were normally distributed, all points "
            "would lie on the line through the quartiles (none where a quartile is below 1e−8). One point per tenth of "
            "a decade. Values of one document are not independent: this is a description, not a test."
        ),
        alt=_quantiles_in_words(points),
        columns={
            "statistic": np.repeat(STATISTICS, [len(theory) for theory, _ in points]).tolist(),
            "normal_quantile": np.concatenate([theory for theory, _ in points]).tolist(),
            "self_attention": np.concatenate([values for _, values in points]).tolist(),
        },
        dpi=dpi,
    )


def _of_terms(inputs: Inputs) -> np.ndarray:
    """Return the number of terms per bin, [statistic, bin]."""
    table = files.read_table(inputs.terms.terms, term_schemas.TERMS, list(STATISTICS))
    bins = [
        np.searchsorted(bin_edges(), table[name].to_numpy().astype(np.float32), side="right") for name in STATISTICS
    ]
    return np.array([np.bincount(found, minlength=len(bin_edges()) + 1) for found in bins])


def _read(inputs: Inputs) -> tuple[TaskName, list[str], np.ndarray]:
    """Return the task, and names and occurrences of each class or label, of documents without, and (no name) of all.

    Occurrences are [documents, layer, statistic, bin]; the last layer stands for all heads.
    """
    path = inputs.terms.distributions
    task = task_of(files.read_facts(path, term_schemas.DISTRIBUTIONS))
    histograms = np.array(files.read_table(path, term_schemas.DISTRIBUTIONS, ["histogram"])["histogram"].to_pylist())
    names = [*task.label_names, WITHOUT[task.name]]
    return task.name, names, histograms.reshape(len(names) + 1, -1, len(STATISTICS), histograms.shape[-1])


def _distributions(  # noqa: PLR0913 - each is a part of the figure
    name: str, by: str, found: np.ndarray, label_names: list[str], dpi: int, note: str
) -> Drawing:
    sizes = found[:, 0].sum(axis=1)
    order = np.argsort(-sizes, kind="stable")[:MOST_LINES] if by in GROUPS else np.arange(len(found))
    shown = np.sort(order[sizes[order] > 0])
    names = {"term": ["all terms"], "layer": [str(layer) for layer in range(len(found))]}.get(by, label_names)
    labels = [style.class_labels(names)[row] for row in shown]
    density = found[shown] / sizes[shown, None, None] * BINS_PER_DECADE
    left_out = int((sizes > 0).sum()) - len(shown)
    edges = [0.0, *bin_edges().tolist()]
    return finish(
        lambda: _plot_distributions(density, labels, by),
        name=name,
        kind=KIND,
        caption=(
            f"Distribution of {COUNTED[by]}. {note}Not corrected for length. Densities per decade."
            + _not_shown(density[:, :, 0].max() / BINS_PER_DECADE)
            + _left_out(left_out, by)
        ),
        alt=_in_words(density, labels, by),
        columns={
            by: np.repeat(names, found.shape[1] * found.shape[2]).tolist(),
            "statistic": np.tile(np.repeat(STATISTICS, found.shape[2]), len(found)).tolist(),
            "from": edges * (len(found) * len(STATISTICS)),
            "count": found.reshape(-1).tolist(),
        },
        dpi=dpi,
    )


def _left_out(n_left_out: int, by: str) -> str:
    groups = "labels" if by == "label" else "classes"
    return f" The {MOST_LINES} largest {groups} are shown; {n_left_out} more are in the CSV." if n_left_out else ""


def _not_shown(share: float) -> str:
    if share == 0:
        return ""
    sentence = "less than 0.1 %" if share < 0.0005 else f"up to {share * 100:.1f} %"
    return f" Not shown: {sentence} of a curve lies below 1e−8."


def _in_words(density: np.ndarray, labels: Sequence[str], by: str) -> str:
    medians = [
        f"{label}: {', '.join(f'{_median(row):.2g} ({name})' for name, row in zip(STATISTICS, rows, strict=True))}"
        for label, rows in zip(labels, density, strict=True)
    ]
    return f"Density curves of self-attention on log scale, {WHOSE[by]}. Medians: {'; '.join(medians)}."


def _median(histogram: np.ndarray) -> float:
    reached = np.cumsum(histogram) >= histogram.sum() / 2
    return float(np.append(0, bin_edges())[int(reached.argmax())])


def _plot_distributions(density: np.ndarray, labels: list[str], by: str) -> Figure:
    figure = Figure(figsize=(style.WIDTH_INCHES, 4.0), layout="constrained")
    panels = figure.subplots(len(STATISTICS), 1)
    for index, (axes, statistic) in enumerate(zip(panels, STATISTICS, strict=True)):
        _plot_densities(axes, density[:, index, 1:], labels, by)
        axes.set_ylabel(f"{statistic}\ndensity")
    panels[-1].set_xlabel("self-attention (log scale)")
    if by in GROUPS:
        figure.legend(
            *panels[0].get_legend_handles_labels(),
            loc="outside upper center",
            ncols=int(np.clip(style.WIDTH_INCHES // (style.label_inches(labels) + 0.5), 1, 3)),
            frameon=False,
            fontsize=6.5,
            handlelength=2.6,
        )
    elif by == "layer":
        bar = figure.colorbar(style.layer_colours(len(labels))[1], ax=panels, location="top", aspect=40, shrink=0.7)
        bar.outline.set_visible(False)
        bar.set_ticks(style.layer_ticks(len(labels)))
        bar.ax.minorticks_off()
        bar.set_label("layer")
    return figure


def _plot_densities(axes: Axes, density: np.ndarray, labels: list[str], by: str) -> None:
    """Plot one curve per row of `density`, [curve, bin]; the bin of all below 1e-8 has no width and is left out."""
    centres = bin_edges() * 10 ** (0.5 / BINS_PER_DECADE)
    occupied = np.flatnonzero(density.sum(axis=0) > NEGLIGIBLE)
    axes.set_xscale("log")
    for row, label in enumerate(labels):
        axes.plot(centres, density[row], linewidth=1.1, label=label, **_look(row, len(labels), by))
    if len(occupied):
        axes.set_xlim(centres[max(occupied[0] - 1, 0)], centres[min(occupied[-1] + 1, len(centres) - 1)])
    axes.set_xticks(*style.log_ticks(*axes.get_xlim()))
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.locator_params(axis="y", nbins=3)


def _look(row: int, n_rows: int, by: str) -> dict[str, Any]:
    if by == "layer":
        return {"color": style.layer_colours(n_rows)[0][row]}
    return {"color": style.CATEGORY_COLOURS[row], "linestyle": style.CATEGORY_LINES[row]}


def _quantiles(histogram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return normal quantiles and values at the edges of bins: there the share below is known exactly."""
    below = np.cumsum(histogram)[:-1] / histogram.sum()
    inside = (below > 0) & (below < 1)
    return ndtri(below[inside]), bin_edges()[inside].astype(np.float64)


def _line(theory: np.ndarray, values: np.ndarray) -> tuple[float, float] | None:
    """Return intercept and slope of the line through the quartiles, of logarithms to base 10.

    None where a quartile lies beyond the edges of the bins, below 1e-8 for example.
    """
    quartiles = ndtri([0.25, 0.75])
    if len(theory) < 2 or theory[0] > quartiles[0] or theory[-1] < quartiles[1]:
        return None
    low, high = np.interp(quartiles, theory, np.log10(values))
    slope = (high - low) / (quartiles[1] - quartiles[0])
    return (low + high) / 2, slope


def _plot_quantiles(points: list[tuple[np.ndarray, np.ndarray]]) -> Figure:
    figure = Figure(figsize=(style.WIDTH_INCHES, 1.75), layout="constrained")
    panels = figure.subplots(1, len(STATISTICS))
    for axes, statistic, (theory, values) in zip(panels, STATISTICS, points, strict=True):
        axes.set_title(statistic, fontsize=7)
        axes.set_xticks(range(-4, 5, 2))
        axes.spines[["top", "right"]].set_visible(False)
        axes.minorticks_off()
        if len(values):
            _plot_points(axes, theory, values)
        else:
            axes.text(0.5, 0.5, "all in one bin", ha="center", va="center", transform=axes.transAxes)
            axes.set_yticks([])
    panels[1].set_xlabel("normal quantile")
    panels[0].set_ylabel("self-attention (log scale)")
    return figure


def _plot_points(axes: Axes, theory: np.ndarray, values: np.ndarray) -> None:
    axes.set_yscale("log")
    line = _line(theory, values)
    if line is not None:
        intercept, slope = line
        ends = np.array([theory.min(), theory.max()])
        axes.plot(ends, 10 ** (intercept + slope * ends), color=style.ORANGE, linewidth=0.9)
    axes.plot(theory, values, "o", color=style.BLUE, markersize=1.8)
    axes.set_yticks(*style.log_ticks(*axes.get_ylim(), most=5))
    axes.set_xlim(*np.array([-1.15, 1.15]) * max(np.abs(theory).max(), 1))
    axes.minorticks_off()


def _quantiles_in_words(points: list[tuple[np.ndarray, np.ndarray]]) -> str:
    distances = []
    for statistic, (theory, values) in zip(STATISTICS, points, strict=True):
        line = _line(theory, values)
        if line is None:
            distances.append(f"{statistic}: no line, because a quartile lies outside the bins")
            continue
        intercept, slope = line
        off = np.abs(np.log10(values) - intercept - slope * theory)
        distances.append(f"{statistic}: at most a factor {10 ** off.max():.3g} off, at {values[off.argmax()]:.2g}")
    return f"Three normal Q-Q plots of the logarithm of self-attention. Distance from the line: {'; '.join(distances)}."
