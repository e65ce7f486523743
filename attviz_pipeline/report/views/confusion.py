"""The confusion matrix, or where it is too large to read beside other views, its most frequent errors."""

from collections.abc import Sequence
from dataclasses import dataclass

from attviz_pipeline.report.views.study import StudyView

MOST_CLASSES_BESIDE = 12
N_PAIRS = 10


@dataclass(frozen=True)
class ConfusedPairView:
    """Documents of one gold class that are predicted as another; classes by index."""

    gold: int
    predicted: int
    n_documents: int


@dataclass(frozen=True)
class ConfusionView:
    """The matrix, [gold][predicted]; `pairs` are its largest errors; `is_large` where it needs the width of a page."""

    counts: list[list[int]]
    pairs: list[ConfusedPairView]
    is_large: bool


def confusion_view(study: StudyView) -> ConfusionView | None:
    """Put together the confusion matrix; None where no gold class is known."""
    counts = study.summary["confusion"]
    return ConfusionView(counts, _largest_errors(counts), len(counts) > MOST_CLASSES_BESIDE) if counts else None


def _largest_errors(counts: Sequence[Sequence[int]]) -> list[ConfusedPairView]:
    pairs = [
        ConfusedPairView(gold, predicted, count)
        for gold, row in enumerate(counts)
        for predicted, count in enumerate(row)
        if count and gold != predicted
    ]
    return sorted(pairs, key=lambda pair: -pair.n_documents)[:N_PAIRS]
