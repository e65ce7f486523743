"""Where predictions and gold values differ: a confusion matrix, the errors of each label, or a chart of values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.formats import significant
from attviz_pipeline.report import links
from attviz_pipeline.report.views.curve import TickView
from attviz_pipeline.report.views.study import StudyView

MOST_CLASSES_BESIDE = 12
N_PAIRS = 10
SIDE = 260
N_BINS = 20
N_TICKS = 4
FAINTEST = 0.25


@dataclass(frozen=True)
class ConfusedPairView:
    """Documents of one gold class that are predicted as another; classes by index."""

    gold: int
    predicted: int
    n_documents: int


@dataclass(frozen=True)
class ConfusionView:
    """The matrix, [gold][predicted]; `pairs` are its largest errors; `is_large` where it needs the width of a page.

    `template` is that of the start page, `table` that of the page of classes.
    """

    table: ClassVar[str] = "includes/confusion.html"
    counts: list[list[int]]
    pairs: list[ConfusedPairView]
    is_large: bool

    @property
    def template(self) -> str:
        """On the start page a large matrix is replaced with its largest errors."""
        return "includes/confused_pairs.html" if self.is_large else self.table


@dataclass(frozen=True)
class LabelErrorView:
    """Decisions about one label: documents that have it, that miss it, and that are wrongly predicted to have it."""

    name: str
    label: int
    page: str
    n_gold: int
    n_missed: int
    n_added: int


@dataclass(frozen=True)
class TogetherView:
    """Documents that have two labels, and how many would if labels were independent; one label alone has no chance."""

    n_documents: int
    by_chance: float | None


@dataclass(frozen=True)
class LabelErrorsView:
    """Errors of every label, those with most first, and how often gold labels occur together, [label][label].

    `n_decisions` is documents times labels; `by_chance` the number of missed labels if as many predictions of each
    label were made at random.
    """

    template: ClassVar[str] = "includes/label_errors.html"
    table: ClassVar[str] = "includes/co_occurrence.html"
    rows: list[LabelErrorView]
    together: list[list[TogetherView]]
    n_decisions: int
    by_chance: float
    is_large: bool

    @property
    def n_missed(self) -> int:
        """Gold labels that are not predicted."""
        return sum(row.n_missed for row in self.rows)

    @property
    def n_added(self) -> int:
        """Predicted labels that are not gold."""
        return sum(row.n_added for row in self.rows)

    @property
    def n_gold(self) -> int:
        """Gold labels of all documents."""
        return sum(row.n_gold for row in self.rows)


@dataclass(frozen=True)
class CellView:
    """A square of the chart with some documents; `opacity` grows with the logarithm of their number."""

    x: float
    y: float
    n_documents: int
    opacity: float


@dataclass(frozen=True)
class ValuesView:
    """Documents by gold (x) and predicted value (y), both on the same linear axis, in squares of `size` units."""

    template: ClassVar[str] = "includes/predicted_values.html"
    table: ClassVar[str] = template
    is_large: ClassVar[bool] = False
    side: int
    size: float
    cells: list[CellView]
    ticks: list[TickView]
    spearman: float | None
    n_documents: int


ErrorsView = ConfusionView | LabelErrorsView | ValuesView


def errors_view(study: StudyView, assessment: Mapping[str, Any], confidences: Path) -> ErrorsView | None:
    """Put together what the task of the study shows; None where no gold value is known.

    Args:
        study: Facts of the study.
        assessment: Artifact `assessment`.
        confidences: Predictions of all documents (schema CONFIDENCES).
    """
    return BY_TASK[study.task.name](study, assessment, confidences) if study.n_labelled else None


def confusion_view(study: StudyView, assessment: Mapping[str, Any], confidences: Path) -> ConfusionView:  # noqa: ARG001
    """Put together the confusion matrix."""
    counts = study.summary["confusion"]
    return ConfusionView(counts, _largest_errors(counts), len(counts) > MOST_CLASSES_BESIDE)


def label_errors_view(
    study: StudyView,
    assessment: Mapping[str, Any],
    confidences: Path,  # noqa: ARG001 - as every task
) -> LabelErrorsView:
    """Put together the errors of labels, and which occur together."""
    n, per_label = study.n_labelled, assessment["per_label"]
    counts = assessment["scores"]["co_occurrence"]
    rows = [
        LabelErrorView(
            name=row["label"],
            label=label,
            page=links.class_page(label),
            n_gold=row["n_gold"],
            n_missed=row["n_gold"] - row["n_hits"],
            n_added=row["n_predicted"] - row["n_hits"],
        )
        for label, row in enumerate(per_label)
    ]
    return LabelErrorsView(
        rows=sorted(rows, key=lambda row: (-row.n_missed - row.n_added, row.label)),
        together=[
            [
                TogetherView(count, None if one == other else row[one] * counts[other][other] / n)
                for other, count in enumerate(row)
            ]
            for one, row in enumerate(counts)
        ],
        n_decisions=n * len(rows),
        by_chance=sum(row["n_gold"] * (1 - row["n_predicted"] / n) for row in per_label),
        is_large=len(rows) > MOST_CLASSES_BESIDE,
    )


def values_view(study: StudyView, assessment: Mapping[str, Any], confidences: Path) -> ValuesView:
    """Count documents by gold and predicted value."""
    table = files.read_table(confidences, statistics_schemas.CONFIDENCES, ["value", "predicted_value"]).drop_null()
    gold, predicted = (table[name].to_numpy() for name in ("value", "predicted_value"))
    low, high = float(min(gold.min(), predicted.min())), float(max(gold.max(), predicted.max()))
    # A chart of one value alone still needs an axis.
    bounds = (low, high) if high > low else (low - 0.5, high + 0.5)
    counts, _, _ = np.histogram2d(gold, predicted, N_BINS, (bounds, bounds))
    size = SIDE / N_BINS
    reach = float(np.log1p(counts.max()))
    return ValuesView(
        side=SIDE,
        size=size,
        cells=[
            CellView(
                x=round(column * size, 2),
                y=round(SIDE - (row + 1) * size, 2),
                n_documents=int(counts[column, row]),
                opacity=round(FAINTEST + (1 - FAINTEST) * float(np.log1p(counts[column, row])) / reach, 2),
            )
            for column, row in np.argwhere(counts).tolist()
        ],
        ticks=[
            TickView(round(SIDE * step / N_TICKS, 1), significant(bounds[0] + (bounds[1] - bounds[0]) * step / N_TICKS))
            for step in range(N_TICKS + 1)
        ],
        spearman=assessment["scores"]["spearman"]["value"],
        n_documents=study.n_labelled,
    )


BY_TASK: Mapping[str, Callable[[StudyView, Mapping[str, Any], Path], ErrorsView]] = {
    "single_label": confusion_view,
    "multi_label": label_errors_view,
    "regression": values_view,
}


def _largest_errors(counts: Sequence[Sequence[int]]) -> list[ConfusedPairView]:
    pairs = [
        ConfusedPairView(gold, predicted, count)
        for gold, row in enumerate(counts)
        for predicted, count in enumerate(row)
        if count and gold != predicted
    ]
    return sorted(pairs, key=lambda pair: -pair.n_documents)[:N_PAIRS]
