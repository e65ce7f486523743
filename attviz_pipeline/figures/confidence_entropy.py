"""Confidence of the classifier in a document against the mean entropy of its tokens' self-attention."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.figures import style
from attviz_pipeline.figures.assessment import interval, read_assessment
from attviz_pipeline.figures.drawing import Drawing, Inputs, empty, finish
from attviz_pipeline.formats import signed
from attviz_pipeline.tasks.registry import task_of

KIND = "confidence_entropy"
HEIGHT_INCHES = 2.7
LEAST_DOUBT = 1e-5
MOST_VECTOR_POINTS = 1000
N_GROUPS = 10
CONFIDENCES = {
    0.5: "0.5",
    0.2: "0.8",
    0.1: "0.9",
    0.05: "0.95",
    0.02: "0.98",
    0.01: "0.99",
    1e-3: "0.999",
    1e-4: "0.9999",
}
CONFIDENCES |= {LEAST_DOUBT: "≥ 0.99999"}
FEWEST_PER_GROUP = 30
WHICH = {
    "all": "all documents",
    "right": "correctly classified ones",
    "partly_right": "partly right ones",
    "wrong": "misclassified ones",
}
NAMES = {
    "right": "correctly classified",
    "partly_right": "partly right",
    "wrong": "misclassified",
    None: "gold label unknown",
}
LOOKS = {"misclassified": ("x", style.ORANGE), "partly right": ("^", style.GREEN)}
"""Mark and colour of an outcome; others are blue dots."""
CONFIDENCE = {
    "single_label": "probability of the predicted class",
    "multi_label": "probability of the least probable decision about a label",
}
NO_ENTROPY = "No document has a token with an entropy."

Points = tuple[np.ndarray, np.ndarray]


def draw_confidence_entropy(inputs: Inputs) -> Iterator[Drawing]:
    """Draw one point per document, and medians along the entropy.

    Raises:
        ArtifactError: The assessment is unusable.
    """
    assessment = read_assessment(inputs)
    task = task_of(assessment)
    gold = (task.gold_column, "outcome") if assessment["scores"] else ()
    names = ["position", *gold, task.predicted_column, "confidence", "mean_entropy", "n_tokens"]
    columns = files.read_table(inputs.assessment.confidences, statistics_schemas.CONFIDENCES, names).to_pydict()
    points = _points(columns)
    n_shown = sum(len(entropy) for entropy, _ in points.values())
    if not n_shown:
        yield empty(NO_ENTROPY, name=KIND, kind=KIND, dpi=inputs.settings.dpi, columns=list(columns))
        return
    yield finish(
        lambda: _plot(points),
        name=KIND,
        kind=KIND,
        caption=_caption(assessment, points),
        alt=_alt(assessment, n_shown),
        columns=columns,
        dpi=inputs.settings.dpi,
    )


def _points(columns: Mapping[str, list[Any]]) -> dict[str, Points]:
    """Entropy and 1 - confidence (at least `LEAST_DOUBT`) by outcome."""
    entropy = np.array(columns["mean_entropy"], dtype=np.float64)
    doubt = np.maximum(1 - np.array(columns["confidence"]), LEAST_DOUBT)
    defined = ~np.isnan(entropy)
    if "outcome" not in columns:
        return {"documents": (entropy[defined], doubt[defined])} if defined.any() else {}
    outcome = np.array(columns["outcome"], dtype=object)
    chosen = {name: defined & (outcome == known) for known, name in NAMES.items()}
    return {name: (entropy[rows], doubt[rows]) for name, rows in chosen.items() if rows.any()}


def _plot(points: Mapping[str, Points]) -> Figure:
    figure = Figure(figsize=(style.WIDTH_INCHES, HEIGHT_INCHES), layout="constrained")
    axes = figure.subplots()
    n_points = sum(len(entropy) for entropy, _ in points.values())
    for name, (entropy, doubt) in points.items():
        mark, colour = LOOKS.get(name, ("o", style.BLUE))
        wrong = name in LOOKS
        axes.plot(
            entropy,
            doubt,
            mark,
            color=colour,
            markersize=2.6 if wrong else 2,
            markeredgewidth=0.6 if wrong else 0,
            alpha=0.75 if wrong else _opacity(len(entropy)),
            # As single marks, tens of thousands of documents would make an SVG that no reader opens.
            rasterized=n_points > MOST_VECTOR_POINTS,
        )
        _plot_medians(axes, entropy, doubt, name, colour)
    axes.set_yscale("log")
    least = min(doubt.min() for _, doubt in points.values())
    ticks = {doubt: label for doubt, label in CONFIDENCES.items() if doubt >= least * 0.9}
    axes.set_ylim(1, least * 0.6)
    axes.set_yticks(list(ticks), list(ticks.values()))
    axes.minorticks_off()
    axes.set_ylabel("confidence")
    axes.set_xlabel("mean entropy of the document's tokens, nats")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=style.PALE, linewidth=0.4)
    axes.set_axisbelow(True)
    figure.legend(loc="outside upper center", ncols=min(len(points), 2), frameon=False, fontsize=6.5, columnspacing=1.2)
    return figure


def _opacity(n_points: int) -> float:
    return float(np.clip(200 / n_points, 0.12, 0.7))


def _plot_medians(axes: Axes, entropy: np.ndarray, doubt: np.ndarray, name: str, colour: str) -> None:
    """Draw the median doubt of groups of equally many documents along the entropy."""
    order = np.argsort(entropy, kind="stable")
    groups = np.array_split(order, _n_groups(len(order))) if _n_groups(len(order)) > 1 else []
    x, y = [np.median(entropy[group]) for group in groups], [np.median(doubt[group]) for group in groups]
    axes.plot(x, y, color="white", linewidth=2.6)
    marker = "D" if name == "misclassified" else "o"
    axes.plot(
        x,
        y,
        color=colour,
        linewidth=1.2,
        marker=marker,
        markersize=3,
        markeredgecolor="white",
        label=f"{name} ({len(order):,})",
    )


def _n_groups(n_points: int) -> int:
    return min(N_GROUPS, n_points // FEWEST_PER_GROUP)


def _caption(assessment: Mapping[str, Any], points: Mapping[str, Points]) -> str:
    found = assessment["confidence_and_entropy"][0]
    definition = "of AttViz's viewer" if assessment["aggregates"] == "attviz" else "of the paper's Table 2"
    joined = any(_n_groups(len(entropy)) > 1 for entropy, _ in points.values())
    medians = "Lines join the medians of groups of equally many documents. " if joined else ""
    return (
        f"One point per document: {CONFIDENCE[assessment['task']]} against the mean entropy of self-attention over "
        f"its non-special tokens, by the definition {definition}. {medians}"
        f"Spearman's rank correlation over {found['n_documents']:,} documents {interval(found['spearman'], signed)}; "
        "controlling for the number of tokens, on which entropy depends, "
        f"{interval(found['spearman_at_equal_length'], signed)}{_reading(found)}. Intervals: bootstrap over input rows."
    )


def _reading(found: Mapping[str, Any]) -> str:
    """Say whether the interval at equal length contains 0; empty where there is no interval."""
    low, high = (found["spearman_at_equal_length"][end] for end in ("low", "high"))
    if low is None or high is None:
        return ""
    return "; this interval contains 0" if low <= 0 <= high else "; this interval does not contain 0"


def _alt(assessment: Mapping[str, Any], n_shown: int) -> str:
    groups = [
        f"{WHICH[group['documents']]} ({group['n_documents']:,}) {interval(group['spearman'], signed)}, controlling "
        f"for length {interval(group['spearman_at_equal_length'], signed)}"
        for group in assessment["confidence_and_entropy"]
    ]
    opening = f"Scatter plot of {n_shown:,} documents, confidence against mean entropy."
    return f"{opening} Rank correlation: {'; '.join(groups)}."
