"""Confusion matrix of the analysed documents."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from attviz_pipeline.figures import style
from attviz_pipeline.figures.assessment import interval, read_assessment
from attviz_pipeline.figures.drawing import Drawing, Inputs, finish
from attviz_pipeline.figures.wording import counted
from attviz_pipeline.formats import percent
from attviz_pipeline.significance import FEWEST_MISTAKES, FEWEST_ROWS_PER_CLASS

KIND = "confusion"
MOST_CLASSES_WITH_NUMBERS = 15
LARGEST_CELL_INCHES = 0.45
SMALLEST_CELL_INCHES = {True: 0.3, False: 0.14}  # with numbers, and without: as high as a tick label
SLANTED_FROM_INCHES = 0.2  # in narrower columns, slanted labels would overlap
INCHES_BESIDE = 0.35  # the axis's own label, and the edge
INCHES_OF_BAR = 0.65


def draw_confusion(inputs: Inputs) -> Iterator[Drawing]:
    """Draw how many documents of each gold class are predicted as each class; without gold labels nothing.

    Raises:
        ArtifactError: The assessment is unusable.
    """
    assessment = read_assessment(inputs)
    if not assessment["scores"]:
        return
    names, counts = assessment["label_names"], np.array(assessment["scores"]["confusion"])
    rows, columns_of = np.indices(counts.shape).reshape(2, -1)
    yield finish(
        lambda: _plot(style.class_labels(names), counts),
        name=KIND,
        kind=KIND,
        dpi=inputs.settings.dpi,
        caption=(
            "Confusion matrix: documents by gold and predicted class. Colour is the share of the documents of a gold "
            f"class; numbers are documents. {_scores(assessment['scores'])}"
        ),
        alt=_alt(names, counts),
        columns={
            "gold": [names[row] for row in rows],
            "predicted": [names[column] for column in columns_of],
            "n_documents": counts.ravel().tolist(),
        },
    )


def _scores(scores: Mapping[str, Any]) -> str:
    f1, baseline = scores["macro_f1"], scores["majority_baseline"]
    ties = baseline["n_classes_as_large"]
    which = "equally frequent" if ties == len(scores["confusion"]) else "largest"
    always = "always predicting " + ("the largest class" if ties == 1 else f"one of the {ties} {which} classes")
    how = ", bootstrap over input rows"
    if f1["low"] is None:
        how = f", without an interval: {_why_no_interval(scores)}"
    return (
        f"Accuracy {interval(scores['accuracy'], percent)}, by Wilson's method; {always} would give "
        f"{percent(baseline['accuracy'])}. Macro F1 {interval(f1, percent)}{how}; {always} would give "
        f"{percent(baseline['macro_f1'])}."
    )


def _why_no_interval(scores: Mapping[str, Any]) -> str:
    """Say which rule leaves macro F1 without an interval. There are no more input rows than documents."""
    counts = np.array(scores["confusion"])
    n_least, n_right = int(counts.sum(axis=1).min()), int(np.trace(counts))
    n_wrong = int(counts.sum()) - n_right
    if n_least < FEWEST_ROWS_PER_CLASS:
        return f"the smallest gold class has {counted(n_least, 'document')}, fewer than {FEWEST_ROWS_PER_CLASS}"
    for n, which in ((n_wrong, "misclassified"), (n_right, "correctly classified")):
        if n < FEWEST_MISTAKES:
            return f"{counted(n, 'document')} {'is' if n == 1 else 'are'} {which}, fewer than {FEWEST_MISTAKES}"
    return "its documents come from too few input rows"


def _plot(names: Sequence[str], counts: np.ndarray) -> Figure:
    n, with_numbers = len(names), len(names) <= MOST_CLASSES_WITH_NUMBERS
    labels = style.label_inches(names)
    beside = labels + INCHES_BESIDE + INCHES_OF_BAR
    cell = float(np.clip((style.WIDTH_INCHES - beside) / n, SMALLEST_CELL_INCHES[with_numbers], LARGEST_CELL_INCHES))
    slant = 35 if cell >= SLANTED_FROM_INCHES else 90
    below = labels * np.sin(np.radians(slant)) + INCHES_BESIDE
    size = max(style.WIDTH_INCHES, beside + cell * n), below + cell * n + 0.15
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(h_pad=0.07))
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap=style.VALUES, vmin=0, vmax=1)
    axes.set_xticks(
        range(n), names, rotation=slant, ha="right", va="center" if slant == 90 else "top", rotation_mode="anchor"
    )
    axes.set_yticks(range(n), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("gold")
    axes.tick_params(length=0)
    axes.spines[:].set_color(style.PALE)
    if with_numbers:
        _write_counts(axes, counts, shares)
    bar = figure.colorbar(
        image, cax=axes.inset_axes((1 + 0.12 / (cell * n), 0, 0.12 / (cell * n), 1)), ticks=[0, 0.5, 1]
    )
    bar.outline.set_visible(False)
    bar.set_label("share of the gold class")
    return figure


def _write_counts(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    for (row, column), count in np.ndenumerate(counts):
        ink = style.ink_on(style.VALUES(shares[row, column])) if count else style.MUTED
        axes.text(column, row, f"{count:,}", ha="center", va="center", color=ink, fontsize=6.5)


def _alt(names: Sequence[str], counts: np.ndarray) -> str:
    wrong = counts - np.diag(np.diagonal(counts))
    n_right, n_all = int(np.trace(counts)), int(counts.sum())
    classes = "1 class" if len(names) == 1 else f"{len(names)} classes"
    opening = f"Confusion matrix of {classes}: {n_right:,} of {n_all:,} documents are correctly classified."
    if not wrong.any():
        return opening
    gold, predicted = divmod(int(wrong.argmax()), len(names))
    most = f"{wrong.max():,} documents of “{names[gold]}” predicted as “{names[predicted]}”"
    n_others = int((wrong == wrong.max()).sum()) - 1
    others = f", and as many in {n_others} more {'cell' if n_others == 1 else 'cells'}" if n_others else ""
    return f"{opening} The most frequent confusion: {most}{others}."
