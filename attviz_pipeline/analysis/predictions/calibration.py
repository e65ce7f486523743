"""Calibration: whether 80 % of the documents predicted with a confidence of 80 % are correctly classified.

`confidence` is the probability of the predicted class, [document], 0..1; `right` is 1 if the document is correctly
classified, else 0, [document].
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Z_95 = 1.959963984540054


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


def reliability(bins: Bins, confidence: Floats, right: Floats) -> dict[str, NDArray[Any]]:
    """Return the points of a reliability diagram: one per bin that contains a document.

    Returns:
        `bin`, `lower`, `upper`, `n_documents`, `mean_confidence`, `accuracy` and its 95 % Wilson interval
        `accuracy_low`, `accuracy_high`, each [bin].
    """
    counts = bins.totals(np.ones_like(confidence))
    full = np.flatnonzero(counts)
    n = counts[full]
    accuracy = bins.totals(right)[full] / n
    low, high = wilson_interval(accuracy, n)
    return {
        "bin": full.astype(np.int32),
        "lower": bins.lower[full],
        "upper": bins.upper[full],
        "n_documents": n.astype(np.int64),
        "mean_confidence": bins.totals(confidence)[full] / n,
        "accuracy": accuracy,
        "accuracy_low": low,
        "accuracy_high": high,
    }


def expected_calibration_error(bins: Bins, confidence: Floats, right: Floats) -> float:
    """Mean absolute difference of accuracy and mean confidence over bins, weighted by their documents, 0..1.

    Source: Naeini, Cooper and Hauskrecht 2015; Guo et al. 2017, eq. 3.
    """
    # n_k |accuracy_k - confidence_k| is the absolute value of the bin's sum of right - confidence.
    return float(np.abs(bins.totals(right - confidence)).sum() / len(right))


def wilson_interval(share: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Return the 95 % interval of a share in n independent trials; both bounds are in 0..1.

    Source: Wilson 1927.
    """
    centre = (share + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
    half = Z_95 / (1 + Z_95**2 / n) * np.sqrt(share * (1 - share) / n + Z_95**2 / (4 * n**2))
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)
