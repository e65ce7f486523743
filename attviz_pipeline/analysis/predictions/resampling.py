"""A bootstrap over input rows: the documents of one row are not independent, so they are resampled together."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Statistics = Callable[[Floats], dict[str, float]]
LEAST_SHARE_DEFINED = 0.5


class Estimate(NamedTuple):
    """A value and its 95 % percentile interval; None if undefined."""

    value: float | None
    low: float | None
    high: float | None


def draw_weights(rows: NDArray[np.intp], n_resamples: int, seed: int) -> Iterator[Floats]:
    """Yield how often each document occurs in each resample, [document].

    Args:
        rows: Index of each document's input row, from 0 without gaps, [document].
        n_resamples: Number of resamples.
        seed: The same seed gives the same resamples.
    """
    random = np.random.default_rng(seed)
    n_rows = int(rows.max()) + 1
    for _ in range(n_resamples):
        drawn = np.bincount(random.integers(n_rows, size=n_rows), minlength=n_rows)
        yield drawn[rows].astype(np.float64)


def estimate(statistics: Statistics, rows: NDArray[np.intp], n_resamples: int, seed: int) -> dict[str, Estimate]:
    """Compute statistics of all documents, and their intervals over resamples.

    A statistic that is NaN or infinite in half of the resamples or more has no interval.

    Args:
        statistics: Returns all statistics by name; its argument is the weight of each document, [document].
        rows: Index of each document's input row, from 0 without gaps, [document].
        n_resamples: Number of resamples.
        seed: The same seed gives the same intervals.
    """
    whole = statistics(np.ones(len(rows)))
    resamples = [statistics(weight) for weight in draw_weights(rows, n_resamples, seed)]
    return {name: _estimate(value, np.array([found[name] for found in resamples])) for name, value in whole.items()}


def _estimate(value: float, replicates: Floats) -> Estimate:
    finite = replicates[np.isfinite(replicates)]
    if not math.isfinite(value):
        return Estimate(None, None, None)
    if len(finite) <= LEAST_SHARE_DEFINED * len(replicates):
        return Estimate(value, None, None)
    low, high = np.quantile(finite, [0.025, 0.975])
    return Estimate(value, float(low), float(high))
