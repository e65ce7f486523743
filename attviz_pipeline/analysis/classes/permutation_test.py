"""Permutation test per feature and group: does the group's mean differ from that of all other documents?"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis.classes.groups import Grouping
from attviz_pipeline.analysis.classes.values import Sums, Values
from attviz_pipeline.analysis.inference import ROUNDING, hedges_g, permutation_p

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

TOLERANCE = 1e-9
"""Statistics that differ by less count as equal, because the difference can be a rounding error."""


@dataclass(frozen=True)
class Differences:
    """Differences between each group and the rest, [feature, group]; NaN if a side has fewer than two documents.

    Attributes:
        n_inside: Documents of the group that have the feature.
        n_outside: Other documents that have the feature.
        mean_inside: Mean over the group's documents.
        mean_outside: Mean over the other documents.
        effect: Hedges' g of the difference minus its mean over the permutations.
        p: Two-sided permutation p-value.
    """

    n_inside: Integers
    n_outside: Integers
    mean_inside: Floats
    mean_outside: Floats
    effect: Floats
    p: Floats


class PermutationTest:
    """The observed difference of every feature, and counts of permutations that are at least as extreme."""

    def __init__(self, values: Values, grouping: Grouping) -> None:
        """Compute the observed differences."""
        self._values, self._grouping = values, grouping
        self._all = values.sums(grouping.known[:, None].astype(np.float64))
        self._inside = values.sums(grouping.members(grouping.number))
        self._difference, self._statistic = _compare(self._inside, self._all)
        shape = self._statistic.shape
        self._n_as_high, self._n_as_low = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self._sum, self._n_defined, self._n = np.zeros(shape), np.zeros(shape, np.int64), 0

    def add(self, numbers: Integers) -> None:
        """Add permutations, given by group numbers, [document, permutation]."""
        shape = -1, numbers.shape[1], len(self._grouping.groups)
        sums = self._values.sums(self._grouping.members(numbers).reshape(len(numbers), -1))
        difference, statistic = (values.reshape(shape) for values in _compare(sums, self._all))
        # If one side is empty in a permutation, the difference is undefined; it counts as extreme in both tails.
        empty = np.isnan(difference)
        observed = self._statistic[:, None]
        self._n_as_high += ((statistic >= observed - TOLERANCE) | empty).sum(axis=1)
        self._n_as_low += ((statistic <= observed + TOLERANCE) | empty).sum(axis=1)
        self._sum += np.where(empty, 0.0, difference).sum(axis=1)
        self._n_defined += (~empty).sum(axis=1)
        self._n += numbers.shape[1]

    def result(self) -> Differences:
        """Return the differences and their p-values."""
        n_inside = self._inside.n.astype(np.int64)
        n_outside = self._all.n.astype(np.int64) - n_inside
        squares = self._values.squares(self._grouping.known[:, None].astype(np.float64))
        means = self._inside.total / np.maximum(n_inside, 1)
        others = (self._all.total - self._inside.total) / np.maximum(n_outside, 1)
        within = squares - n_inside * means**2 - n_outside * others**2
        within = np.where(within <= ROUNDING * squares, 0.0, within)
        by_length = self._sum / np.maximum(self._n_defined, 1)
        testable = (n_inside > 1) & (n_outside > 1)
        columns = [
            np.where(testable, column, np.nan)
            for column in (
                means,
                others,
                hedges_g(self._difference - by_length, within, n_inside, n_outside),
                permutation_p(self._n_as_high, self._n_as_low, self._n),
            )
        ]
        return Differences(n_inside, n_outside, *columns)


def run_tests(tests: list[PermutationTest], arrangements: Iterator[Integers]) -> list[Differences]:
    """Run several tests on the same permutations."""
    for numbers in arrangements:
        for test in tests:
            test.add(numbers)
    return [test.result() for test in tests]


def _compare(inside: Sums, everything: Sums) -> tuple[Floats, Floats]:
    """Return mean inside minus mean outside, raw and scaled by the numbers of documents; NaN if a side is empty.

    The number of documents with a term in a group differs between permutations. The factor
    sqrt(n_inside n_outside / n) keeps differences of few documents from dominating those of many.
    """
    n_columns = inside.total.shape[1]
    total, count = (np.broadcast_to(column, (len(column), n_columns)) for column in everything)
    outside = count - inside.n
    defined = (inside.n > 0) & (outside > 0)
    difference = inside.total / np.maximum(inside.n, 1) - (total - inside.total) / np.maximum(outside, 1)
    difference = np.where(defined, difference, np.nan)
    return difference, difference * np.sqrt(inside.n * outside / np.maximum(count, 1))
