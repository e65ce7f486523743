"""More permutations for the features whose test is still extreme after the first ones.

A small p needs many permutations, a large one few. So each test goes on until `ENOUGH` permutations were at least as
extreme as the observed arrangement, or until so many were made that one small p alone suffices for a finding.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis.classes.groups import Permutations
from attviz_pipeline.analysis.classes.permutation_test import TOLERANCE, PermutationTest
from attviz_pipeline.analysis.classes.statistics import Statistic

Floats = NDArray[np.float64]

FIRST = 999
"""Permutations of every test."""
ENOUGH = 20
"""Extreme permutations after which a test stops: p is then known to about a fifth of itself."""
MOST_NANOSECONDS = 1_500_000_000
"""Limit of the time for one family of tests, by the estimates of `Statistic.nanoseconds`, not by a clock."""
VALUES_AT_ONCE = 2**20


class Result(NamedTuple):
    """Results for all features, [feature, group].

    Attributes:
        p: Two-sided p.
        at_floor: Whether no permutation was as extreme as the observed arrangement.
        n_permutations: Most permutations that a test got.
        is_cut_off: Whether a test would have gone on, but time did not allow it.
    """

    p: Floats
    at_floor: NDArray[np.bool_]
    n_permutations: int
    is_cut_off: bool


class ExtremeTests:
    """The tests of one family that go on: those with fewer than `ENOUGH` extreme permutations in either tail.

    Args:
        test: The test after its first permutations.
        is_tested: Which features and groups are tested, [feature, group].
        n_wanted: Permutations after which all stop.
    """

    def __init__(self, test: PermutationTest, is_tested: NDArray[np.bool_], n_wanted: int) -> None:
        self._first, self._test, self._n_wanted = test.result(), test, n_wanted
        # Of two groups, both have the same tests.
        n_groups = 1 if test.grouping.is_of_two else is_tested.shape[1]
        is_extreme = is_tested & (np.minimum(test.n_as_high, test.n_as_low) < ENOUGH)
        self._feature, self._group = np.nonzero(is_extreme[:, :n_groups])
        places = self._feature, self._group
        # At most one tail is extreme.
        is_high = test.n_as_high[places] < ENOUGH
        self._sign = np.where(is_high, 1.0, -1.0)
        self._least = self._sign * test.observed.statistic[places] - TOLERANCE
        self._n_extreme = np.where(is_high, test.n_as_high[places], test.n_as_low[places])
        self._stop = np.zeros(len(self._feature), np.int64)
        self.n_permutations = self._end = test.n_permutations
        self._time_left = float(MOST_NANOSECONDS)
        self._parts: list[tuple[int, NDArray[np.intp], Statistic]] = []

    @property
    def running(self) -> NDArray[np.bool_]:
        """The tests that have not stopped, [test]."""
        return self._n_extreme < ENOUGH

    def prepare(self, n_draws: int, permutations: Permutations) -> bool:
        """Prepare for some draws of permutations; False if none are needed, or they would take too long.

        The decision depends on the number of tests that are left, not on how extreme one of them is.
        """
        running = np.flatnonzero(self.running)
        if not len(running) or self.n_permutations >= self._n_wanted:
            return False
        of_tests = float(self._test.statistic.nanoseconds()[self._feature[running]].sum())
        of_draw = permutations.n_at_once * (of_tests + permutations.nanoseconds)
        n_affordable = min(n_draws, int(self._time_left // of_draw))
        if not n_affordable:
            return False
        self._time_left -= n_affordable * of_draw
        self._end = min(self.n_permutations + n_affordable * permutations.n_at_once, self._n_wanted)
        groups = np.unique(self._group[running])
        if not self._parts:
            features, places = np.unique(self._feature[running], return_inverse=True)
            self._statistic, self._place = self._test.statistic.only(features), np.zeros(len(self._feature), np.intp)
            self._place[running] = places
        self._parts = []
        for group in groups:
            tests = running[self._group[running] == group]
            self._parts.append((int(group), tests, self._statistic.only(self._place[tests])))
        return True

    def add(self, numbers: NDArray[np.int32]) -> None:
        """Add permutations, given by documents' numbers, [document, permutation]."""
        if self.n_permutations >= self._end:
            return
        for group, tests, statistic in self._parts:
            at_once = max(1, VALUES_AT_ONCE // max(len(tests), len(numbers)))
            for start in range(0, numbers.shape[1], at_once):
                some = numbers[:, start : start + at_once]
                values = statistic.compare(self._test.grouping.members_of(some, group)).statistic
                # If one side is empty in a permutation, the statistic is undefined and counts as extreme.
                is_extreme = (self._sign[tests, None] * values >= self._least[tests, None]) | np.isnan(values)
                self._count(tests, is_extreme, self.n_permutations + start)
        self.n_permutations += numbers.shape[1]

    def _count(self, tests: NDArray[np.intp], is_extreme: NDArray[np.bool_], n_before: int) -> None:
        missing = ENOUGH - self._n_extreme[tests]
        n_extreme = is_extreme.sum(axis=1)
        stopping = np.flatnonzero((missing > 0) & (n_extreme >= missing))
        # The permutation that completes the number, counted from 1.
        reached = is_extreme[stopping].cumsum(axis=1) >= missing[stopping, None]
        self._stop[tests[stopping]] = n_before + reached.argmax(axis=1) + 1
        self._n_extreme[tests] += np.where(missing > 0, n_extreme, 0)

    def result(self) -> Result:
        """Return p of all tests: those of the first permutations, and of those that went on.

        A test that stopped at permutation L has h / L in its tail, h = `ENOUGH`; another one (b + 1) / (L + 1).

        Source: Besag & Clifford 1991, Sequential Monte Carlo p-values.
        """
        p, at_floor = self._first.p.copy(), self._first.at_floor.copy()
        tail = np.where(
            self._stop > 0,
            ENOUGH / np.maximum(self._stop, 1),
            (self._n_extreme + 1) / (self.n_permutations + 1),
        )
        p[self._feature, self._group] = np.minimum(2 * tail, 1.0)
        at_floor[self._feature, self._group] = self._n_extreme == 0
        if self._test.grouping.is_of_two:
            p[:, 1], at_floor[:, 1] = p[:, 0], at_floor[:, 0]
        is_cut_off = bool(self.running.any()) and self.n_permutations < self._n_wanted
        return Result(p, at_floor, self.n_permutations, is_cut_off)


def go_on(families: Sequence[ExtremeTests], permutations: Permutations) -> list[Result]:
    """Give the extreme tests of some families more and more permutations, the same ones to all."""
    n_drawn, n_draws, going = 0, 1, list(families)
    while True:
        going = [family for family in going if family.prepare(n_draws, permutations)]
        if not going:
            return [family.result() for family in families]
        for draw in range(n_drawn, n_drawn + n_draws):
            numbers = permutations.draw(draw)
            for family in going:
                family.add(numbers)
        n_drawn += n_draws
        n_draws *= 2
