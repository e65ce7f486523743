"""Scores of regression: errors, the share of the variance that is explained, and the order of the values."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from attviz_pipeline.analysis.predictions.documents import Documents
from attviz_pipeline.analysis.predictions.entropy import with_entropy
from attviz_pipeline.analysis.predictions.rank_correlation import Ranks, rank_correlations
from attviz_pipeline.analysis.predictions.resampling import Estimate, Floats, estimate
from attviz_pipeline.stages import AssessPredictions

FEWEST_ROWS = 50
"""Minimum number of input rows for which bootstrap intervals of the scores have their coverage."""
ERROR_SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
ABSOLUTE_ERROR_SHARES = (0.5, 0.9, 0.95)


class ValueScores:
    """The assessment of a regression.

    Args:
        documents: All documents.
        settings: Number of resamples, and the seed.
    """

    def __init__(self, documents: Documents, settings: AssessPredictions) -> None:
        self._all, self._settings = documents, settings
        self._labelled = labelled = documents.labelled()
        self._gold, self._predicted = (labelled.numbers(name) for name in ("value", "predicted_value"))

    def confidences(self) -> dict[str, Any]:
        """Return the columns of `confidences` that depend on the task."""
        error = self._all.numbers("predicted_value") - self._all.numbers("value")
        return {
            "value": self._all.column("value"),
            "predicted_value": self._all.column("predicted_value"),
            "error": pa.array(error, mask=np.isnan(error)),
        }

    def calibration(self) -> Iterator[dict[str, Any]]:
        """Yield nothing: there are no probabilities."""
        return iter(())

    def content(self) -> dict[str, Any]:
        """Return the content of `assessment` that depends on the task."""
        return {
            "mean_confidence": None,
            "predictions": _described(self._all.numbers("predicted_value")),
            "scores": self._scores(),
            "error_and_entropy": self._correlations(),
        }

    def _scores(self) -> dict[str, Any]:
        """Return scores with intervals, the baseline, and quantiles of the errors."""
        if not self._labelled.n:
            return {}
        gold, error = self._gold, self._predicted - self._gold
        return {
            **{name: value._asdict() for name, value in self._estimates().items()},
            "gold": _described(gold),
            "mean_baseline": mean_baseline(gold),
            "error_quantiles": _quantiles(error, ERROR_SHARES),
            "absolute_error_quantiles": _quantiles(np.abs(error), ABSOLUTE_ERROR_SHARES),
        }

    def _estimates(self) -> dict[str, Estimate]:
        gold, error = self._gold, self._predicted - self._gold
        ranked = [Ranks(gold), Ranks(self._predicted)]

        def statistics(weight: Floats) -> dict[str, float]:
            n = weight.sum()
            mse = float(weight @ error**2 / n)
            variance = float(weight @ (gold - weight @ gold / n) ** 2 / n)
            return {
                "mse": mse,
                "mae": float(weight @ np.abs(error) / n),
                "mean_error": float(weight @ error / n),
                "r2": 1 - mse / variance if variance > 0 else np.nan,
                "spearman": float(rank_correlations(ranked, weight)[0, 1]),
            }

        row, settings = self._labelled.row, self._settings
        found = estimate(statistics, row, settings.assessment.n_resamples, settings.seed)
        if len(np.unique(row)) < FEWEST_ROWS:
            return {name: Estimate(value.value, None, None) for name, value in found.items()}
        return found

    def _correlations(self) -> list[dict[str, Any]]:
        """Correlate the absolute error with mean entropy over all documents with a gold value."""
        known = self._all.is_labelled
        if not known.any():
            return []
        error = np.abs(self._all.numbers("predicted_value") - self._all.numbers("value"))
        return [with_entropy("all", self._all, error, known, self._settings)]


def mean_baseline(gold: Floats) -> dict[str, float | None]:
    """Score a model that predicts the mean gold value of these documents for all of them."""
    error = gold - gold.mean()
    mse = float((error**2).mean())
    return {
        "value": float(gold.mean()),
        "mse": mse,
        "mae": float(np.abs(error).mean()),
        "r2": 0.0 if mse > 0 else None,
    }


def _described(values: Floats) -> dict[str, float]:
    return {
        "min": float(values.min()),
        "mean": float(values.mean()),
        "median": float(np.median(values)),
        "max": float(values.max()),
        "std": float(values.std(ddof=1)) if len(values) > 1 else 0.0,
    }


def _quantiles(values: Floats, shares: tuple[float, ...]) -> list[dict[str, float]]:
    return [
        {"share": share, "value": value}
        for share, value in zip(shares, np.quantile(values, shares).tolist(), strict=True)
    ]
