"""Scores of single-label classification: accuracy, macro F1, calibration, confusion, precision and recall by class."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attviz_pipeline.analysis.predictions import calibration
from attviz_pipeline.analysis.predictions.documents import Documents, Integers
from attviz_pipeline.analysis.predictions.entropy import with_entropy
from attviz_pipeline.analysis.predictions.proportions import Clusters, design_effect, proportion
from attviz_pipeline.analysis.predictions.resampling import Estimate, Floats, estimate
from attviz_pipeline.analysis.summary import macro_f1
from attviz_pipeline.significance import FEWEST_MISTAKES, FEWEST_ROWS_PER_CLASS
from attviz_pipeline.stages import AssessPredictions


class ClassScores:
    """The assessment of a single-label study.

    Args:
        documents: All documents.
        settings: Number of bins and resamples, and the seed.
    """

    def __init__(self, documents: Documents, settings: AssessPredictions) -> None:
        self._all, self._settings = documents, settings
        self._label_names = list(documents.task.label_names)
        self._labelled = labelled = documents.labelled()
        self._gold, self._predicted = (labelled.integers(name) for name in ("label", "prediction"))
        self._right: Floats = (self._gold == self._predicted).astype(np.float64)
        self._confidence = _confidence(labelled)
        n_bins = settings.assessment.n_bins
        self._bins = calibration.binned(self._confidence, n_bins) if labelled.n else {}

    def confidences(self) -> dict[str, Any]:
        """Return the columns of `confidences` that depend on the task."""
        gold, predicted = (self._all.integers(name) for name in ("label", "prediction"))
        unknown = gold < 0
        return {
            "label": pa.array(gold, mask=unknown),
            "prediction": predicted,
            "outcome": pa.array(np.where(gold == predicted, "right", "wrong"), mask=unknown),
            "confidence": _confidence(self._all),
        }

    def calibration(self) -> Iterator[dict[str, Any]]:
        """Yield the points of the reliability diagram, one binning after the other."""
        for binning, found in self._bins.items():
            columns = calibration.reliability(found, self._confidence, self._right, self._labelled.row)
            yield {"binning": [binning] * len(columns["bin"]), **columns}

    def content(self) -> dict[str, Any]:
        """Return the content of `assessment` that depends on the task."""
        return {
            "mean_confidence": float(_confidence(self._all).mean()),
            "predictions": self._predictions(),
            "scores": self._scores(),
            "per_class": self._per_class(),
            "confidence_and_entropy": self._correlations(),
        }

    def _predictions(self) -> dict[str, Any]:
        """Count the predictions of each class, over all documents, with and without gold label."""
        counts = np.bincount(self._all.integers("prediction"), minlength=len(self._label_names))
        return {
            "counts": counts.tolist(),
            "n_distinct": int((counts > 0).sum()),
            "label": self._label_names[int(counts.argmax())],
            "share": float(counts.max() / counts.sum()),
        }

    def _scores(self) -> dict[str, Any]:
        """Return scores with intervals, the baseline, and calibration errors with those of a calibrated model."""
        if not self._bins:
            return {}
        right, row = self._right, self._labelled.row
        return {
            "accuracy": proportion(right, row)._asdict(),
            "macro_f1": self._macro_f1()._asdict(),
            **calibration.errors(self._bins, self._confidence, right, row, self._settings.seed),
            "design_effect": design_effect(Clusters.of(right, row)),
            "majority_baseline": self._majority_baseline(),
            "confusion": self._confusion(np.ones(len(right))).tolist(),
        }

    def _macro_f1(self) -> Estimate:
        """Estimate macro F1; the bootstrap is only trusted with enough rows of every class and enough mistakes."""

        def statistics(weight: Floats) -> dict[str, float]:
            return {"macro_f1": macro_f1(self._confusion(weight))}

        right, row = self._right.astype(bool), self._labelled.row
        n_rows = [len(np.unique(row[chosen])) for chosen in (right, ~right)]
        if self._rows_per_class().min() < FEWEST_ROWS_PER_CLASS or min(n_rows) < FEWEST_MISTAKES:
            return Estimate(statistics(np.ones(len(right)))["macro_f1"], None, None)
        return estimate(statistics, row, self._settings.assessment.n_resamples, self._settings.seed)["macro_f1"]

    def _majority_baseline(self) -> dict[str, Any]:
        """Score a classifier that predicts the largest gold class of these documents for all of them."""
        gold = np.bincount(self._gold, minlength=len(self._label_names))
        largest = int(gold.argmax())
        confusion = np.zeros((len(gold), len(gold)), np.int64)
        confusion[:, largest] = gold
        return {
            "label": self._label_names[largest],
            "n_classes_as_large": int((gold == gold[largest]).sum()),
            "accuracy": float(gold[largest] / len(self._gold)),
            "macro_f1": macro_f1(confusion),
        }

    def _rows_per_class(self) -> Integers:
        distinct = np.unique(np.stack([self._gold, self._labelled.row]), axis=1)
        return np.bincount(distinct[0], minlength=len(self._label_names)).astype(np.int64)

    def _confusion(self, weight: Floats) -> Integers:
        n_classes = len(self._label_names)
        cell = self._gold * n_classes + self._predicted
        counts: Integers = np.bincount(cell, weights=weight, minlength=n_classes**2).astype(np.int64)
        return counts.reshape(n_classes, n_classes)

    def _per_class(self) -> list[dict[str, Any]]:
        """Precision and recall of every class with intervals, and F1; None if undefined."""
        if not self._labelled.n:
            return []
        confusion = self._confusion(np.ones(len(self._gold)))
        hits, gold, predicted = np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
        return [
            {
                "label": name,
                "n_gold": int(gold[index]),
                "n_predicted": int(predicted[index]),
                **named("precision", self._among(self._predicted == index)),
                **named("recall", self._among(self._gold == index)),
                "f1": ratio(2 * hits[index], gold[index] + predicted[index]),
            }
            for index, name in enumerate(self._label_names)
        ]

    def _among(self, chosen: NDArray[np.bool_]) -> Estimate:
        """Estimate the proportion of some documents that is correctly classified."""
        return proportion(self._right[chosen], self._labelled.row[chosen])

    def _correlations(self) -> list[dict[str, Any]]:
        """Correlate confidence with mean entropy over all, correctly classified and misclassified documents."""
        gold, predicted = (self._all.integers(name) for name in ("label", "prediction"))
        known, right = gold >= 0, gold == predicted
        groups = {"all": np.ones_like(known), "right": known & right, "wrong": known & ~right}
        return [
            with_entropy(name, self._all, _confidence(self._all), chosen, self._settings)
            for name, chosen in groups.items()
            if name == "all" or known.any()
        ]


def _confidence(documents: Documents) -> Floats:
    predicted = documents.integers("prediction")
    if not len(predicted):
        return np.zeros(0)
    # Half precision and means over windows can leave a sum, and so a probability, a little above 1.
    return np.minimum(documents.probabilities()[np.arange(len(predicted)), predicted], 1.0)


def named(name: str, found: Estimate) -> dict[str, float | None]:
    """Return a value and its bounds as keys of their own."""
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def ratio(part: float, whole: float) -> float | None:
    """Return a ratio; None if it is undefined."""
    return float(part / whole) if whole else None
