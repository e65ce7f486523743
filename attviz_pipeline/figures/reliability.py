"""Reliability diagram: accuracy by confidence (DeGroot and Fienberg 1983)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.figures import style
from attviz_pipeline.figures.assessment import NO_GOLD, interval, read_assessment
from attviz_pipeline.figures.drawing import Drawing, Inputs, empty, finish
from attviz_pipeline.formats import percent, points

KIND = "reliability"
HEIGHT_INCHES = 3.6


def draw_reliability(inputs: Inputs) -> Iterator[Drawing]:
    """Draw accuracy against confidence for bins of equal width and of equal mass, and the documents in them.

    Raises:
        ArtifactError: The assessment is unusable.
    """
    table = files.read_table(inputs.assessment.calibration, statistics_schemas.CALIBRATION)
    columns: Mapping[str, Sequence[Any]] = table.to_pydict()
    if not table.num_rows:
        yield empty(NO_GOLD, name=KIND, kind=KIND, dpi=inputs.settings.dpi, columns=list(columns))
        return
    scores = read_assessment(inputs)["scores"]
    yield finish(
        lambda: _plot(table, scores),
        name=KIND,
        kind=KIND,
        caption=_caption(scores),
        alt=_alt(table, scores),
        columns=columns,
        dpi=inputs.settings.dpi,
    )


def _of(table: pa.Table, binning: str) -> dict[str, np.ndarray]:
    rows = table.filter(pc.equal(table["binning"], binning))
    return {name: rows[name].to_numpy() for name in rows.column_names if name != "binning"}


def _plot(table: pa.Table, scores: Mapping[str, Any]) -> Figure:
    figure = Figure(figsize=(style.WIDTH_INCHES, HEIGHT_INCHES), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3.4, 1])
    width, mass = _of(table, "equal_width"), _of(table, "equal_mass")
    lowest = float(min(width["lower"][0], width["mean_confidence"][0]))
    top.plot([0, 1], [0, 1], color=style.MUTED, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1, label="calibrated")
    _plot_points(top, width, "o", style.BLUE, f"equal width, ECE {_size(scores['ece_equal_width']['value'])}")
    _plot_points(top, mass, "s", style.ORANGE, f"equal mass, ECE {_size(scores['ece_equal_mass']['value'])}")
    top.set_xlim(lowest - 0.01, 1.012)
    top.set_ylim(-0.02, 1.03)
    top.set_ylabel("accuracy")
    top.legend(loc="lower right", fontsize=6.5, borderaxespad=0.2, framealpha=0.85, edgecolor="none")
    _plot_counts(bottom, width)
    for axes in (top, bottom):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color=style.PALE, linewidth=0.4)
        axes.set_axisbelow(True)
    bottom.set_xlabel("confidence: probability of the predicted class")
    return figure


def _plot_points(axes: Axes, bins: Mapping[str, np.ndarray], marker: str, colour: str, label: str) -> None:
    x, y = bins["mean_confidence"], bins["accuracy"]
    axes.vlines(x, bins["accuracy_low"], bins["accuracy_high"], color=colour, linewidth=0.9, alpha=0.7)
    face = colour if marker == "o" else "white"
    axes.plot(x, y, marker, color=colour, markerfacecolor=face, markersize=3.4, markeredgewidth=0.9, label=label)


def _plot_counts(axes: Axes, bins: Mapping[str, np.ndarray]) -> None:
    widths = bins["upper"] - bins["lower"]
    axes.bar(bins["lower"], bins["n_documents"], widths * 0.94, align="edge", color=style.LIGHT_BLUE)
    axes.set_yscale("log")
    axes.set_ylim(0.7, bins["n_documents"].max() * 6)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else ""))
    axes.minorticks_off()
    axes.set_ylabel("documents")
    for left, width, count in zip(bins["lower"], widths, bins["n_documents"], strict=True):
        axes.text(left + width / 2, count * 1.15, f"{count:,}", ha="center", va="bottom", fontsize=5.5)


def _caption(scores: Mapping[str, Any]) -> str:
    width, mass = (scores["ece_of_a_calibrated_model"][name]["quantile_95"] for name in ("equal_width", "equal_mass"))
    by_chance = scores["overconfidence_of_a_calibrated_model"]
    return (
        "Accuracy by confidence; below the dashed line the classifier is overconfident. Dots: bins of equal width; "
        "squares: bins of equally many documents; lines: 95 % Wilson intervals; "
        "bars: documents per bin of equal width, on a logarithmic scale. Expected calibration error (ECE) "
        f"{_size(scores['ece_equal_width']['value'])} with bins of equal width and "
        f"{_size(scores['ece_equal_mass']['value'])} of equal mass, without intervals, since resampling inflates it; "
        f"for a calibrated model with the same confidences, they are below {_size(width)} and {_size(mass)} in 95 % of "
        f"simulations. Mean confidence minus accuracy, points: {interval(scores['overconfidence'], points)}; for a "
        f"calibrated model between {points(by_chance['low'])} and {points(by_chance['high'])} in 95 % of simulations."
    )


def _alt(table: pa.Table, scores: Mapping[str, Any]) -> str:
    bins = _of(table, "equal_width")
    gap = bins["accuracy"] - bins["mean_confidence"]
    worst = int(np.argmax(np.abs(gap) * bins["n_documents"]))
    lower, upper, n, confidence, accuracy = (
        bins[name][worst] for name in ("lower", "upper", "n_documents", "mean_confidence", "accuracy")
    )
    return (
        f"Reliability diagram of {bins['n_documents'].sum():,} documents in {len(gap)} bins of equal width. "
        f"Mean confidence minus accuracy, points: {interval(scores['overconfidence'], points)}. The bin that "
        "contributes most to the expected calibration error: "
        f"confidence {percent(lower)} to {percent(upper)} with {n:,} documents, mean confidence {percent(confidence)}, "
        f"accuracy {percent(accuracy)}."
    )


def _size(difference: float) -> str:
    return f"{difference * 100:.1f} points"
