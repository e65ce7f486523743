"""What the page of a document shows of its prediction: a class with its probability, labels, or a value on a scale."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from attviz_pipeline.report.rows import DocumentRow
from attviz_pipeline.report.sentences import document as sentences
from attviz_pipeline.report.sentences import labels, values
from attviz_pipeline.report.views.study import StudyView


@dataclass(frozen=True)
class ProbabilityView:
    """One class or label in the prediction table; `threshold` is the probability from which a label is predicted."""

    label: str
    probability: float
    predicted: bool
    gold: bool
    threshold: float | None = None


@dataclass(frozen=True)
class ClassesView:
    """Probabilities of the classes or labels, the largest first."""

    template: ClassVar[str] = "includes/probability_bar.html"
    heading: Markup
    finding: Markup
    probabilities: list[ProbabilityView]


@dataclass(frozen=True)
class ValueView:
    """Gold and predicted value, their difference, and their places on a scale, in percent; gold is None if unknown."""

    template: ClassVar[str] = "includes/value_scale.html"
    heading: Markup
    finding: Markup
    predicted: float
    gold: float | None
    error: float | None
    at_predicted: float
    at_gold: float | None
    low: float
    high: float
    about: str


PredictionView = ClassesView | ValueView


@dataclass(frozen=True)
class Values:
    """Gold and predicted values of all documents, [document]; NaN where a gold value is not known."""

    gold: NDArray[np.float64]
    predicted: NDArray[np.float64]

    @property
    def bounds(self) -> tuple[float, float]:
        """The smallest and the largest of them."""
        both = np.concatenate([self.gold[~np.isnan(self.gold)], self.predicted])
        return float(both.min()), float(both.max())

    @property
    def mean(self) -> float | None:
        """Mean gold value, None if none is known."""
        known = self.gold[~np.isnan(self.gold)]
        return float(known.mean()) if len(known) else None

    def share_below(self, error: float) -> float | None:
        """Share of the other documents with a smaller absolute error; None if there are none."""
        errors = np.abs(self.predicted - self.gold)
        known = errors[~np.isnan(errors)]
        return float((known < abs(error)).sum() / (len(known) - 1)) if len(known) > 1 else None


def prediction_view(row: DocumentRow, study: StudyView, known: Values | None) -> PredictionView:
    """Put together what the task of the study shows.

    Args:
        row: The document.
        study: Facts of the study.
        known: Values of all documents; only regression has them.
    """
    return BY_TASK[study.task.name](row, study, known)


def _of_class(row: DocumentRow, study: StudyView, known: Values | None) -> ClassesView:  # noqa: ARG001 - as every task
    names = study.label_names
    others = [(-probability, i) for i, probability in enumerate(row.probabilities) if i != row.predicted]
    less, second = min(others, default=(0.0, None))
    return ClassesView(
        heading=sentences.heading(names[row.predicted], row.probabilities[row.predicted], len(names)),
        finding=sentences.runner_up(
            study.spelled(row.gold),
            names[row.predicted],
            study.spelled(second),
            row.probabilities[row.predicted] + less,
            labelled=study.n_labelled > 0,
        ),
        probabilities=[
            ProbabilityView(names[i], row.probabilities[i], i == row.predicted, i == row.gold)
            for i in _most_probable(row)
        ],
    )


def _of_labels(row: DocumentRow, study: StudyView, known: Values | None) -> ClassesView:  # noqa: ARG001 - as every task
    names, thresholds = study.label_names, study.task.thresholds
    certainty = [p if i in row.predicted else 1 - p for i, p in enumerate(row.probabilities)]
    least = int(np.argmin(certainty))
    gold, predicted = ([names[label] for label in value] for value in (row.gold or (), row.predicted))
    sentence = labels.compared_with_gold(None if row.gold is None else gold, predicted, labelled=study.n_labelled > 0)
    return ClassesView(
        heading=labels.document_heading(predicted),
        finding=Markup(" ").join(
            one
            for one in (
                sentence,
                labels.least_certain(names[least], row.probabilities[least], thresholds[least], len(names)),
            )
            if one
        ),
        probabilities=[
            ProbabilityView(names[i], row.probabilities[i], i in row.predicted, i in (row.gold or ()), thresholds[i])
            for i in _most_probable(row)
        ],
    )


def _of_value(row: DocumentRow, study: StudyView, known: Values | None) -> ValueView:
    values_of_all = known or Values(np.array([np.nan if row.gold is None else row.gold]), np.array([row.predicted]))
    low, high = values_of_all.bounds
    span = (high - low) or 1.0
    mean = values_of_all.mean if study.n_labelled else None
    share = None if row.error is None else values_of_all.share_below(row.error)
    return ValueView(
        heading=values.document_heading(row.predicted),
        finding=Markup("{}").format(values.compared_with_gold(row.gold, row.predicted, mean, share=share)),
        predicted=row.predicted,
        gold=row.gold,
        error=row.error,
        at_predicted=round(100 * (row.predicted - low) / span, 2),
        at_gold=None if row.gold is None else round(100 * (row.gold - low) / span, 2),
        low=low,
        high=high,
        about=values.scale(low, high, known=study.n_labelled > 0),
    )


BY_TASK: Mapping[str, Callable[[DocumentRow, StudyView, Values | None], PredictionView]] = {
    "single_label": _of_class,
    "multi_label": _of_labels,
    "regression": _of_value,
}


def _most_probable(row: DocumentRow) -> list[int]:
    order: list[int] = np.argsort(-np.asarray(row.probabilities), kind="stable").tolist()
    return order
