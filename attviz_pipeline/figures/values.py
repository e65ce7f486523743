"""Regression: predicted against gold values, residuals, and the error against the entropy of attention."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.figures import style
from attviz_pipeline.figures.assessment import interval, read_assessment
from attviz_pipeline.figures.drawing import Drawing, Inputs, empty, finish
from attviz_pipeline.formats import signed, significant

PREDICTED_KIND = "predicted_against_gold"
RESIDUALS_KIND = "residuals"
ENTROPY_KIND = "error_entropy"
MOST_VECTOR_POINTS = 1000
FEWEST_PER_GROUP = 15
N_GROUPS = 10
N_BINS = 25
NO_ENTROPY = "No labelled document has a token with an entropy."
Columns = Mapping[str, np.ndarray]


def number(value: float) -> str:
    """Write a value or an error with three digits."""
    return significant(value, 3)


def draw_predicted_against_gold(inputs: Inputs) -> Iterator[Drawing]:
    """Draw one point per document with a gold value, and the line of equality; nothing without gold values.

    Raises:
        ArtifactError: The assessment is unusable.
    """
    assessment, columns = _read(inputs)
    scores = assessment["scores"]
    if not scores:
        return
    gold, predicted = columns["value"], columns["predicted_value"]
    yield finish(
        lambda: _plot_predicted(gold, predicted, scores["mean_baseline"]["value"]),
        name=PREDICTED_KIND,
        kind=PREDICTED_KIND,
        dpi=inputs.settings.dpi,
        caption=(
            "One point per document: predicted against gold value; on the dashed line both are equal. "
            f"{_scores(scores)}"
        ),
        alt=(
            f"Scatter plot of {len(gold):,} documents, predicted against gold value. Gold values from "
            f"{number(gold.min())} to {number(gold.max())}, predicted ones from {number(predicted.min())} to "
            f"{number(predicted.max())}. Rank correlation {interval(scores['spearman'], signed)}."
        ),
        columns=_listed(columns, "position", "value", "predicted_value"),
    )


def draw_residuals(inputs: Inputs) -> Iterator[Drawing]:
    """Draw the errors against the gold value, and how often each occurs; nothing without gold values.

    Raises:
        ArtifactError: The assessment is unusable.
    """
    assessment, columns = _read(inputs)
    scores = assessment["scores"]
    if not scores:
        return
    gold, error = columns["value"], columns["error"]
    low, high = (_at(scores["error_quantiles"], share) for share in (0.05, 0.95))
    yield finish(
        lambda: _plot_residuals(gold, error),
        name=RESIDUALS_KIND,
        kind=RESIDUALS_KIND,
        dpi=inputs.settings.dpi,
        caption=(
            "Errors, predicted minus gold value: above 0 the prediction is too high. Left: one point per document"
            f"{_medians(len(gold))}. A falling line means that high values are predicted too low and low ones too "
            "high, which happens whenever the prediction explains only a part of the variance. Right: number of "
            f"documents. Mean error {interval(scores['mean_error'], number)}; 90 % of the errors lie "
            f"between {number(low)} and {number(high)}; half of the absolute errors are at most "
            f"{number(_at(scores['absolute_error_quantiles'], 0.5))}."
        ),
        alt=(
            f"Scatter plot of {len(gold):,} errors against the gold value, and a histogram. Mean error "
            f"{interval(scores['mean_error'], number)}, from {number(error.min())} to {number(error.max())}."
        ),
        columns=_listed(columns, "position", "value", "error"),
    )


def draw_error_entropy(inputs: Inputs) -> Iterator[Drawing]:
    """Draw the absolute error of each document against the mean entropy of its tokens; nothing without gold values.

    Raises:
        ArtifactError: The assessment is unusable.
    """
    assessment, columns = _read(inputs)
    if not assessment["scores"]:
        return
    found = assessment["error_and_entropy"][0]
    entropy, error = columns["mean_entropy"], np.abs(columns["error"])
    defined = ~np.isnan(entropy)
    listed = _listed(columns, "position", "value", "predicted_value", "error", "mean_entropy", "n_tokens")
    if not defined.any():
        yield empty(NO_ENTROPY, name=ENTROPY_KIND, kind=ENTROPY_KIND, dpi=inputs.settings.dpi, columns=list(listed))
        return
    definition = "of AttViz's viewer" if assessment["aggregates"] == "attviz" else "of the paper's Table 2"
    yield finish(
        lambda: _plot_entropy(entropy[defined], error[defined]),
        name=ENTROPY_KIND,
        kind=ENTROPY_KIND,
        dpi=inputs.settings.dpi,
        caption=(
            "One point per document: absolute error against the mean entropy of self-attention over its non-special "
            f"tokens, by the definition {definition}{_medians(int(defined.sum()))}. Spearman's rank correlation over "
            f"{found['n_documents']:,} documents {interval(found['spearman'], signed)}; controlling for the "
            "number of tokens, on which entropy depends, "
            f"{interval(found['spearman_at_equal_length'], signed)}. Intervals: bootstrap over input rows."
        ),
        alt=(
            f"Scatter plot of {int(defined.sum()):,} documents, absolute error against mean entropy. Rank correlation "
            f"{interval(found['spearman'], signed)}, controlling for length "
            f"{interval(found['spearman_at_equal_length'], signed)}."
        ),
        columns=listed,
    )


def _read(inputs: Inputs) -> tuple[dict[str, Any], Columns]:
    """Return the assessment, and numbers of the documents with a gold value; NaN is null."""
    names = ["position", "value", "predicted_value", "error", "mean_entropy", "n_tokens"]
    table = files.read_table(inputs.assessment.confidences, statistics_schemas.CONFIDENCES, names)
    table = table.filter(pc.is_valid(table["value"]))
    return read_assessment(inputs), {name: table[name].to_numpy() for name in names}


def _listed(columns: Columns, *names: str) -> dict[str, list[Any]]:
    return {name: [None if np.isnan(value) else value for value in columns[name].tolist()] for name in names}


def _at(quantiles: list[dict[str, float]], share: float) -> float:
    return next(found["value"] for found in quantiles if found["share"] == share)


def _scores(scores: Mapping[str, Any]) -> str:
    baseline = scores["mean_baseline"]
    has_intervals = scores["mse"]["low"] is not None
    how = "Intervals: bootstrap over input rows." if has_intervals else "No intervals: fewer than 50 input rows."
    return (
        f"R² {interval(scores['r2'], number)}; always predicting the mean, {number(baseline['value'])} (grey line), "
        f"would give 0. Mean absolute error {interval(scores['mae'], number)}, of the mean {number(baseline['mae'])}; "
        f"mean squared error {interval(scores['mse'], number)}, of the mean {number(baseline['mse'])}. "
        f"Spearman's rank correlation {interval(scores['spearman'], signed)}. {how}"
    )


def _medians(n: int) -> str:
    return "; the line joins medians of groups of equally many documents" if n // FEWEST_PER_GROUP > 1 else ""


def _plot_predicted(gold: np.ndarray, predicted: np.ndarray, mean: float) -> Figure:
    figure = Figure(figsize=(style.WIDTH_INCHES, style.WIDTH_INCHES * 0.92), layout="constrained")
    axes = figure.subplots()
    low, high = min(gold.min(), predicted.min()), max(gold.max(), predicted.max())
    margin = 0.04 * (high - low) or 1.0
    ends = [low - margin, high + margin]
    axes.plot(ends, ends, color=style.MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.axhline(mean, color=style.PALE, linewidth=1)
    _points(axes, gold, predicted)
    axes.set_xlim(*ends)
    axes.set_ylim(*ends)
    axes.set_aspect("equal")
    axes.set_xlabel("gold value")
    axes.set_ylabel("predicted value")
    _tidy(axes)
    return figure


def _plot_residuals(gold: np.ndarray, error: np.ndarray) -> Figure:
    figure = Figure(figsize=(style.WIDTH_INCHES, 2.5), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[2.6, 1])
    _points(left, gold, error)
    _line_of_medians(left, gold, error)
    right.hist(error, bins=N_BINS, orientation="horizontal", color=style.LIGHT_BLUE)
    for axes in (left, right):
        axes.axhline(0, color=style.MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
        _tidy(axes)
    left.set_xlabel("gold value")
    left.set_ylabel("error: predicted minus gold")
    right.set_xlabel("documents")
    return figure


def _plot_entropy(entropy: np.ndarray, error: np.ndarray) -> Figure:
    figure = Figure(figsize=(style.WIDTH_INCHES, 2.5), layout="constrained")
    axes = figure.subplots()
    _points(axes, entropy, error)
    _line_of_medians(axes, entropy, error)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("mean entropy of the document's tokens, nats")
    axes.set_ylabel("absolute error")
    _tidy(axes)
    return figure


def _points(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    axes.plot(
        x,
        y,
        "o",
        color=style.BLUE,
        markersize=2.4,
        markeredgewidth=0,
        alpha=float(np.clip(200 / max(len(x), 1), 0.12, 0.7)),
        # As single marks, tens of thousands of documents would make an SVG that no reader opens.
        rasterized=len(x) > MOST_VECTOR_POINTS,
    )


def _line_of_medians(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    n_groups = min(N_GROUPS, len(x) // FEWEST_PER_GROUP)
    if n_groups < 2:
        return
    groups = np.array_split(np.argsort(x, kind="stable"), n_groups)
    places, middles = [np.median(x[group]) for group in groups], [np.median(y[group]) for group in groups]
    axes.plot(places, middles, color="white", linewidth=2.6)
    axes.plot(places, middles, color=style.ORANGE, linewidth=1.2, marker="D", markersize=3, markeredgecolor="white")


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=style.PALE, linewidth=0.4)
    axes.set_axisbelow(True)
