"""Calibration: whether 80 % of the documents predicted with a confidence of 80 % are correctly classified.

`confidence` is the probability of the predicted class, [document], 0..1; `right` is 1 if the document is correctly
classified, else 0, [document]. Of a label in multi-label classification, `confidence` is the label's probability, and
`right` is 1 if the document has the label.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis.predictions.proportions import Clusters, design_effect, gap, proportion
from attviz_pipeline.analysis.predictions.resampling import Estimate

Floats = NDArray[np.float64]
N_SIMULATED = 1000


@dataclass(frozen=True)
class Bins:
    """Documents binned by confidence; a bin includes `upper` but not `lower`.

    Attributes:
        lower: Lower bounds, [bin].
        upper: Upper bounds, [bin].
        of_document: Bin of each document, [document].
    """

    lower: Floats
    upper: Floats
    of_document: NDArray[np.intp]

    @classmethod
    def equal_width(cls, confidence: Floats, n_bins: int) -> "Bins":
        """Divide 0..1 into bins of equal width (Guo et al. 2017)."""
        return cls._of_edges(confidence, np.linspace(0, 1, n_bins + 1))

    @classmethod
    def equal_mass(cls, confidence: Floats, n_bins: int) -> "Bins":
        """Divide 0..1 at quantiles, so that bins have equally many documents (Nguyen and O'Connor 2015).

        Equal confidences share a bin. With many of them there are fewer than `n_bins` bins, of different sizes.
        """
        inner = np.quantile(confidence, np.arange(1, n_bins) / n_bins, method="inverted_cdf")
        return cls._of_edges(confidence, np.unique(np.concatenate([[0.0], inner, [1.0]])))

    @classmethod
    def _of_edges(cls, confidence: Floats, edges: Floats) -> "Bins":
        return cls(edges[:-1], edges[1:], np.searchsorted(edges[1:], confidence, side="left"))

    def totals(self, values: Floats) -> Floats:
        """Sum values over the documents of each bin, [bin]."""
        sums: Floats = np.bincount(self.of_document, weights=values, minlength=len(self.upper)).astype(np.float64)
        return sums


def reliability(bins: Bins, confidence: Floats, right: Floats, rows: NDArray[np.intp]) -> dict[str, Any]:
    """Return the points of a reliability diagram: one per bin that contains a document.

    Returns:
        `bin`, `lower`, `upper`, `n_documents`, `mean_confidence`, `accuracy` and its 95 % interval `accuracy_low`,
        `accuracy_high`, each [bin]; the interval is that of `proportion`, None where there is none.
    """
    counts = bins.totals(np.ones_like(confidence))
    full = np.flatnonzero(counts)
    n = counts[full]
    inside = [bins.of_document == number for number in full]
    intervals = [proportion(right[chosen], rows[chosen]) for chosen in inside]
    return {
        "bin": full.astype(np.int32),
        "lower": bins.lower[full],
        "upper": bins.upper[full],
        "n_documents": n.astype(np.int64),
        "mean_confidence": bins.totals(confidence)[full] / n,
        "accuracy": bins.totals(right)[full] / n,
        "accuracy_low": [found.low for found in intervals],
        "accuracy_high": [found.high for found in intervals],
    }


def expected_calibration_error(bins: Bins, confidence: Floats, right: Floats) -> float:
    """Mean absolute difference of accuracy and mean confidence over bins, weighted by their documents, 0..1.

    Source: Naeini, Cooper and Hauskrecht 2015; Guo et al. 2017, eq. 3.
    """
    # n_k |accuracy_k - confidence_k| is the absolute value of the bin's sum of right - confidence.
    return float(np.abs(bins.totals(right - confidence)).sum() / len(right))


def binned(confidence: Floats, n_bins: int) -> dict[str, Bins]:
    """Bin documents in both ways, by name of the binning."""
    return {
        "equal_width": Bins.equal_width(confidence, n_bins),
        "equal_mass": Bins.equal_mass(confidence, n_bins),
    }


def errors(
    bins: Mapping[str, Bins], confidence: Floats, right: Floats, rows: NDArray[np.intp], seed: int
) -> dict[str, Any]:
    """Return calibration errors of both binnings and mean confidence minus accuracy, with those of a calibrated model.

    Calibration errors have no interval, because resampling biases them upwards.
    """
    effect = design_effect(Clusters.of(right, rows))
    estimates = {"overconfidence": gap(confidence, right, rows)}
    for name, found in bins.items():
        estimates[f"ece_{name}"] = Estimate(expected_calibration_error(found, confidence, right), None, None)
    by_chance = {name: ece_by_chance(found, confidence, seed) for name, found in bins.items()}
    return {
        **{name: value._asdict() for name, value in estimates.items()},
        "ece_of_a_calibrated_model": by_chance,
        "overconfidence_of_a_calibrated_model": gap_by_chance(confidence, effect, seed),
    }


def gap_by_chance(confidence: Floats, effect: float, seed: int) -> dict[str, float]:
    """Bounds of mean confidence minus accuracy in 95 % of simulations of a perfectly calibrated model.

    Args:
        confidence: Probability of the predicted class, [document].
        effect: Design effect; the bounds of independent documents are multiplied by its root.
        seed: The same seed gives the same bounds.
    """
    random = np.random.default_rng(seed)
    gaps = [float((confidence - (random.random(len(confidence)) < confidence)).mean()) for _ in range(N_SIMULATED)]
    low, high = np.quantile(gaps, [0.025, 0.975]) * np.sqrt(effect)
    return {"low": float(low), "high": float(high)}


def ece_by_chance(bins: Bins, confidence: Floats, seed: int) -> dict[str, float]:
    """Mean and 95 % quantile of the calibration error of a perfectly calibrated model.

    Source: Bröcker and Smith 2007 (consistency resampling).
    """
    random = np.random.default_rng(seed)
    outcomes = ((random.random(len(confidence)) < confidence).astype(np.float64) for _ in range(N_SIMULATED))
    simulated = [expected_calibration_error(bins, confidence, right) for right in outcomes]
    return {"mean": float(np.mean(simulated)), "quantile_95": float(np.quantile(simulated, 0.95))}
