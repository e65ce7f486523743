"""Means over documents of what heads attend to, with variances over input rows, computed from exact sums."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis import exact_sums
from attviz_pipeline.analysis.inference import ratio_variance, t_interval

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Estimates(NamedTuple):
    """Means with 95 % intervals.

    Attributes:
        mean: [measure, head]; NaN without documents.
        low: Lower bounds; NaN with fewer than two input rows.
        high: Upper bounds.
    """

    mean: Floats
    low: Floats
    high: Floats


class ProfileSums:
    """Exact sums over input rows, identical for any order and sharding of the documents.

    The paragraphs of one text are not independent, so input rows are the sampling units. An input row with c documents
    and the mean m contributes c m to the mean, and c^2 m^2 to the variance.

    Attributes:
        n_documents: Number of documents of each measure, [measure].
        n_sources: Number of input rows of these documents, [measure].
    """

    def __init__(self, n_measures: int, n_rows: int) -> None:
        """Start with no input row."""
        self.n_documents, self.n_sources, self._squared_count = np.zeros((3, n_measures), np.int64)
        self._sums = np.zeros((exact_sums.SUM_LIMBS, n_measures, n_rows), np.int64)
        self._cross, self._between = np.zeros((2, exact_sums.SQUARE_LIMBS, n_measures, n_rows), np.int64)

    def add(self, sums: Integers, count: Integers) -> None:
        """Add one input row.

        Args:
            sums: Limb sums of values in 0..1 over its documents, [limb, measure, head].
            count: Documents in which the measure is defined, [measure]; the sum of all squares may be up to 2^33.
        """
        squared = count[:, None] ** 2
        mean = exact_sums.mean(sums, count[:, None])
        self._sums += sums
        self._cross += squared * exact_sums.to_limbs(mean, exact_sums.SQUARE_LIMBS)
        self._between += squared * exact_sums.to_limbs(mean * mean, exact_sums.SQUARE_LIMBS)
        self._squared_count += count**2
        self.n_documents += count
        self.n_sources += count > 0

    def estimates(self) -> Estimates:
        """Return the mean over documents of every measure and head, with intervals over input rows."""
        n_documents = self.n_documents[:, None]
        mean = exact_sums.mean(self._sums, n_documents)
        squares = (_total(self._between), _total(self._cross), self._squared_count[:, None].astype(np.float64))
        variance = ratio_variance(*squares, mean, n_documents.astype(np.float64))
        low, high = t_interval(mean, variance, self.n_sources[:, None])
        return Estimates(np.where(n_documents > 0, mean, np.nan), low, high)


def _total(limbs: Integers) -> Floats:
    carried = exact_sums.carry(limbs, exact_sums.CARRIED_SQUARE_LIMBS)
    total: Floats = exact_sums.to_float(carried) * exact_sums.LIMB**-exact_sums.SQUARE_LIMBS
    return total
