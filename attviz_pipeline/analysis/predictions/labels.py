"""Scores of multi-label classification: of whole sets of labels, and of each label by itself."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attviz_pipeline.analysis.predictions import calibration
from attviz_pipeline.analysis.predictions.classes import named, ratio
from attviz_pipeline.analysis.predictions.documents import Documents
from attviz_pipeline.analysis.predictions.entropy import with_entropy
from attviz_pipeline.analysis.predictions.proportions import Clusters, design_effect, proportion
from attviz_pipeline.analysis.predictions.resampling import Estimate, Floats, estimate
from attviz_pipeline.analysis.summary import LabelCounts, outcomes
from attviz_pipeline.significance import FEWEST_MISTAKES, FEWEST_ROWS_PER_CLASS
from attviz_pipeline.stages import AssessPredictions

Mask = NDArray[np.bool_]


class LabelScores:
    """The assessment of a multi-label study.

    Args:
        documents: All documents.
        settings: Number of bins and resamples, and the seed.
    """

    def __init__(self, documents: Documents, settings: AssessPredictions) -> None:
        self._all, self._settings = documents, settings
        self._label_names = list(documents.task.label_names)
        self._labelled = labelled = documents.labelled()
        self._gold, self._predicted = (labelled.label_sets(name) for name in ("labels", "predictions"))
        # Half precision can leave a mean over windows a little above 1.
        self._probabilities = np.minimum(labelled.probabilities(), 1.0) if labelled.n else np.zeros(self._gold.shape)

    def confidences(self) -> dict[str, Any]:
        """Return the columns of `confidences` that depend on the task."""
        gold, predicted = (self._all.label_sets(name) for name in ("labels", "predictions"))
        return {
            "labels": self._all.column("labels"),
            "predictions": self._all.column("predictions"),
            "outcome": pa.array(outcomes(gold, predicted), mask=~self._all.is_labelled),
            "confidence": self._confidence(),
        }

    def calibration(self) -> Iterator[dict[str, Any]]:
        """Yield the points of the reliability diagrams, label by label and one binning after the other."""
        for label, name in enumerate(self._label_names if self._labelled.n else []):
            has, p = self._gold[:, label].astype(np.float64), self._probabilities[:, label]
            for binning, found in calibration.binned(p, self._settings.assessment.n_bins).items():
                columns = calibration.reliability(found, p, has, self._labelled.row)
                n_bins = len(columns["bin"])
                yield {"label": [name] * n_bins, "binning": [binning] * n_bins, **columns}

    def content(self) -> dict[str, Any]:
        """Return the content of `assessment` that depends on the task."""
        return {
            "mean_confidence": float(self._confidence().mean()),
            "predictions": self._predictions(),
            "scores": self._scores(),
            "per_label": self._per_label(),
            "confidence_and_entropy": self._correlations(),
        }

    def _confidence(self) -> Floats:
        """Return the probability of the least probable decision, [document]."""
        predicted = self._all.label_sets("predictions")
        p = np.minimum(self._all.probabilities(), 1.0)
        confidence: Floats = np.where(predicted, p, 1 - p).min(axis=1)
        return confidence

    def _predictions(self) -> dict[str, Any]:
        """Count the predictions of each label and of no label, over all documents, with and without gold labels."""
        predicted = self._all.label_sets("predictions")
        counts = predicted.sum(axis=0)
        sets, n = np.unique(predicted, axis=0, return_counts=True)
        most = int(n.argmax())
        return {
            "counts": counts.tolist(),
            "n_without": int((~predicted.any(axis=1)).sum()),
            "n_distinct": int((counts > 0).sum()),
            "n_distinct_sets": len(sets),
            "labels": self._names(sets[most]),
            "share": float(n[most] / len(predicted)),
            "co_occurrence": _together(predicted, predicted),
        }

    def _scores(self) -> dict[str, Any]:
        """Return scores of sets with intervals, and the baseline."""
        if not self._labelled.n:
            return {}
        gold, predicted, row = self._gold, self._predicted, self._labelled.row
        right = (gold == predicted).all(axis=1).astype(np.float64)
        names, counts = np.unique(outcomes(gold, predicted), return_counts=True)
        found = dict(zip(names.tolist(), counts.tolist(), strict=True))
        # Decisions about the labels of one document are not independent: they are of one row.
        wrong = (gold != predicted).astype(np.float64).ravel()
        f1 = self._f1
        return {
            "exact_match": proportion(right, row)._asdict(),
            "hamming_loss": proportion(wrong, np.repeat(row, gold.shape[1]))._asdict(),
            "micro_f1": f1["micro_f1"]._asdict(),
            "macro_f1": f1["macro_f1"]._asdict(),
            "design_effect": design_effect(Clusters.of(right, row)),
            "outcomes": {name: found.get(name, 0) for name in ("right", "partly_right", "wrong")},
            "majority_baseline": self._majority_baseline(),
            "co_occurrence": _together(gold, gold),
            "missed_and_added": _together(gold & ~predicted, predicted & ~gold),
        }

    @cached_property
    def _f1(self) -> dict[str, Estimate]:
        """Estimate micro, macro and every label's F1, the last ones by index.

        The bootstrap is only trusted with enough rows and enough mistakes: of the label, of every label (macro), and of
        all labels together (micro).
        """
        gold, predicted, row = self._gold, self._predicted, self._labelled.row

        def statistics(weight: Floats) -> dict[str, float]:
            counts = LabelCounts.of(gold, predicted, weight)
            f1 = counts.f1()
            of_labels = {str(label): value for label, value in enumerate(f1.tolist())}
            return {"micro_f1": counts.micro_f1(), "macro_f1": float(np.mean(f1)), **of_labels}

        settings = self._settings
        found = estimate(statistics, row, settings.assessment.n_resamples, settings.seed)
        enough = [_is_enough(gold[:, label], predicted[:, label], row) for label in range(gold.shape[1])]
        trusted = dict(zip(map(str, range(len(enough))), enough, strict=True)) | {
            "macro_f1": all(enough),
            "micro_f1": _is_enough(_any(gold), _any(predicted), row, _any(gold != predicted)),
        }
        return {name: value if trusted[name] else Estimate(value.value, None, None) for name, value in found.items()}

    def _majority_baseline(self) -> dict[str, Any]:
        """Score a classifier that predicts the most frequent gold set of these documents for all of them."""
        sets, n = np.unique(self._gold, axis=0, return_counts=True)
        most = int(n.argmax())
        always = np.broadcast_to(sets[most], self._gold.shape)
        counts = LabelCounts.of(self._gold, always)
        return {
            "labels": self._names(sets[most]),
            "n_sets_as_frequent": int((n == n[most]).sum()),
            "exact_match": float(n[most] / len(self._gold)),
            "hamming_loss": float((self._gold != always).mean()),
            "micro_f1": counts.micro_f1(),
            "macro_f1": float(np.mean(counts.f1())),
        }

    def _per_label(self) -> list[dict[str, Any]]:
        """Scores and calibration of every label; None where undefined."""
        if not self._labelled.n:
            return []
        f1, counts = self._f1, LabelCounts.of(self._gold, self._predicted)
        return [self._of_label(label, name, counts, f1[str(label)]) for label, name in enumerate(self._label_names)]

    def _of_label(self, label: int, name: str, counts: LabelCounts, f1: Estimate) -> dict[str, Any]:
        gold, predicted, p = self._gold[:, label], self._predicted[:, label], self._probabilities[:, label]
        row, has = self._labelled.row, self._gold[:, label].astype(np.float64)
        n_hits, n_gold, n_predicted = (int(of[label]) for of in counts)
        bins = calibration.binned(p, self._settings.assessment.n_bins)
        return {
            "label": name,
            "threshold": self._all.task.thresholds[label],
            "n_gold": n_gold,
            "n_predicted": n_predicted,
            "n_hits": n_hits,
            **named("precision", proportion(has[predicted], row[predicted])),
            **named("recall", proportion(predicted[gold].astype(np.float64), row[gold])),
            **named("f1", f1 if n_gold + n_predicted else Estimate(None, None, None)),
            # The precision of always predicting the label is its share, the recall 1.
            "f1_of_always_predicting": ratio(2 * n_gold, n_gold + len(gold)),
            "mean_probability": float(p.mean()),
            **calibration.errors(bins, p, has, row, self._settings.seed),
        }

    def _correlations(self) -> list[dict[str, Any]]:
        """Correlate confidence with mean entropy over all documents, and over those of each outcome."""
        known = self._all.is_labelled
        outcome = outcomes(*(self._all.label_sets(name) for name in ("labels", "predictions")))
        groups = {"all": np.ones_like(known)}
        if known.any():
            groups |= {name: known & (outcome == name) for name in self._all.task.outcomes}
        confidence = self._confidence()
        return [with_entropy(name, self._all, confidence, chosen, self._settings) for name, chosen in groups.items()]

    def _names(self, members: Mask) -> list[str]:
        return [name for name, has in zip(self._label_names, members.tolist(), strict=True) if has]


def _is_enough(gold: Mask, predicted: Mask, row: NDArray[np.intp], wrong: Mask | None = None) -> bool:
    """Say whether the rows that have labels, those with a mistake and those with a hit suffice for a bootstrap."""
    wrong = gold != predicted if wrong is None else wrong
    n_gold, n_wrong, n_hits = (len(np.unique(row[chosen])) for chosen in (gold, wrong, gold & predicted))
    return n_gold >= FEWEST_ROWS_PER_CLASS and min(n_wrong, n_hits) >= FEWEST_MISTAKES


def _any(members: Mask) -> Mask:
    """Return which documents have any of the labels, [document]."""
    return np.asarray(members.any(axis=1), np.bool_)


def _together(first: Mask, second: Mask) -> list[list[int]]:
    """Count the documents that have a label of the first kind and one of the second, [label, label]."""
    counts: list[list[int]] = (first.astype(np.int64).T @ second.astype(np.int64)).tolist()
    return counts
