"""Spearman's rank correlation of weighted documents, and the partial correlation."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Ranks:
    """Values that are sorted once to compute their ranks for many different weights."""

    def __init__(self, values: Floats | NDArray[np.int64]) -> None:
        """Sort the values, [document]."""
        distinct, self._place = np.unique(values, return_inverse=True)
        self._n_distinct = len(distinct)

    def weighted(self, weight: Floats) -> Floats:
        """Mid-ranks from 1 on, with each document repeated `weight` times, [document]."""
        of_value = np.bincount(self._place, weights=weight, minlength=self._n_distinct)
        middle: Floats = np.cumsum(of_value) - (of_value - 1) / 2
        return middle[self._place]


def rank_correlations(ranked: Sequence[Ranks], weight: Floats) -> Floats:
    """Spearman's rank correlation of every pair of quantities, -1..1; NaN if one of the two is constant.

    Args:
        ranked: The quantities.
        weight: Number of repetitions of each document, [document].

    Returns:
        [quantity, quantity].

    Source: Spearman 1904, with mid-ranks for ties.
    """
    ranks = np.stack([quantity.weighted(weight) for quantity in ranked])
    centred = ranks - (ranks * weight).sum(axis=1, keepdims=True) / weight.sum()
    covariance = (centred * weight) @ centred.T
    spread = np.sqrt(np.where(np.diagonal(covariance) > 1e-9 * weight.sum(), np.diagonal(covariance), np.nan))
    correlations: Floats = np.clip(covariance / np.outer(spread, spread), -1, 1)
    return correlations


def partial_correlation(correlations: Floats) -> float:
    """First-order partial correlation of the first two of three quantities, given the third; NaN if undefined.

    Args:
        correlations: Correlations of all pairs, [3, 3].

    Source: Yule 1907.
    """
    xy, xz, yz = correlations[0, 1], correlations[0, 2], correlations[1, 2]
    left = (1 - xz**2) * (1 - yz**2)
    return float(np.clip((xy - xz * yz) / np.sqrt(left), -1, 1)) if left > 1e-12 else float("nan")
