"""Permutation test per feature and group: does the group differ from all other documents?"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis.classes.groups import Grouping
from attviz_pipeline.analysis.classes.statistics import Compared, Statistic
from attviz_pipeline.analysis.inference import permutation_p

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

TOLERANCE = 1e-9
"""Statistics that differ by less count as equal, because the difference can be a rounding error."""


class Tested(NamedTuple):
    """Results of a permutation test, [feature, group].

    Attributes:
        p: Two-sided p.
        expected: Mean of the raw difference over the permutations.
        at_floor: Whether no permutation was as extreme as the observed arrangement.
        n_permutations: Most permutations that any feature got.
    """

    p: Floats
    expected: Floats
    at_floor: NDArray[np.bool_]
    n_permutations: int


class PermutationTest:
    """The observed difference of every feature, and counts of permutations that are at least as extreme."""

    def __init__(self, statistic: Statistic, grouping: Grouping) -> None:
        """Compute the observed differences."""
        self.statistic, self.grouping = statistic, grouping
        self.observed: Compared = statistic.compare(grouping.members(grouping.number))
        shape = self.observed.statistic.shape
        self.n_as_high, self.n_as_low = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self._sum, self._n_defined, self.n_permutations = np.zeros(shape), np.zeros(shape, np.int64), 0

    def add(self, numbers: Integers) -> None:
        """Add permutations, given by documents' numbers, [document, permutation]."""
        shape = -1, numbers.shape[1], len(self.grouping.groups)
        compared = self.statistic.compare(self.grouping.members(numbers).reshape(len(numbers), -1))
        difference, statistic = (values.reshape(shape) for values in compared)
        # If one side is empty in a permutation, the difference is undefined; it counts as extreme in both tails.
        empty = np.isnan(difference)
        observed = self.observed.statistic[:, None]
        self.n_as_high += ((statistic >= observed - TOLERANCE) | empty).sum(axis=1)
        self.n_as_low += ((statistic <= observed + TOLERANCE) | empty).sum(axis=1)
        self._sum += np.where(empty, 0.0, difference).sum(axis=1)
        self._n_defined += (~empty).sum(axis=1)
        self.n_permutations += numbers.shape[1]

    def result(self) -> Tested:
        """Return the p-values of all features, testable or not."""
        return Tested(
            permutation_p(self.n_as_high, self.n_as_low, self.n_permutations),
            self._sum / np.maximum(self._n_defined, 1),
            np.minimum(self.n_as_high, self.n_as_low) == 0,
            self.n_permutations,
        )


def run_tests(tests: list[PermutationTest], arrangements: Iterator[Integers]) -> list[Tested]:
    """Run several tests on the same permutations."""
    for numbers in arrangements:
        for test in tests:
            test.add(numbers)
    return [test.result() for test in tests]
