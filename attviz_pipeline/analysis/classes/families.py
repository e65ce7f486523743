"""All tests of a study adjusted together: false discovery rates within and between families of tests."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis.inference import benjamini_hochberg
from attviz_pipeline.significance import SIGNIFICANT

Floats = NDArray[np.float64]


FAMILIES = ("heads", "attention", "use")
"""What the families of each grouping test: heads, the self-attention of terms, and the use of terms."""


@dataclass(frozen=True)
class Family:
    """Tests of one kind in one grouping.

    Attributes:
        grouping: gold, predicted or correct.
        tests: heads, attention (the self-attention of terms) or use (of terms).
        p: NaN where there is no test, [feature, group].
        is_of_two: Whether both groups have the same tests, which then count once.
        n_permutations: Most permutations that a test got.
        at_floor: Whether no permutation was as extreme as the observed difference, [feature, group].
        n_wanted: Permutations that a single finding needs, if there were fewer; else None.
    """

    grouping: str
    tests: str
    p: Floats
    is_of_two: bool
    n_permutations: int
    at_floor: NDArray[np.bool_]
    n_wanted: int | None

    @property
    def n_tests(self) -> int:
        """Number of tests."""
        return n_distinct(~np.isnan(self.p), is_of_two=self.is_of_two)


@dataclass(frozen=True)
class Adjusted:
    """A family after the adjustment over all families.

    Attributes:
        family: The family.
        simes_p: p of the hypothesis that no test of the family has a difference; None without a test.
        selected: Whether the family as a whole differs from chance.
        q: NaN where there is no test, [feature, group].
    """

    family: Family
    simes_p: float | None
    selected: bool
    q: Floats

    @property
    def floor_sets_q(self) -> bool:
        """Whether the smallest q is that of tests which no permutation equalled: more permutations would lower it."""
        tested = ~np.isnan(self.q)
        return bool(tested.any()) and bool(self.family.at_floor[tested][self.q[tested].argmin()])


def n_distinct(is_tested: NDArray[np.bool_], *, is_of_two: bool) -> int:
    """Return the number of tests, [feature, group]; those of two groups count once."""
    return int(np.count_nonzero(is_tested[:, :1] if is_of_two else is_tested))


def permutations_wanted(n_tests: int, n_families: int) -> int:
    """Return the number of permutations with which q of a single difference in a single family falls below 0.05."""
    return math.ceil(2 * n_tests * n_families / SIGNIFICANT)


def adjust(families: list[Family]) -> list[Adjusted]:
    """Control the expected average false discovery rate over the families that are selected.

    Families are selected by Benjamini and Hochberg over their Simes p. With K families, R of them selected, q of a
    test is its Benjamini-Hochberg q within the family times K / R (K if R is 0), at most 1. In a family that is not
    selected, q is at least the family's own q, which is not below the level.

    Source: Benjamini & Bogomolov 2014, Selective inference on multiple families of hypotheses. Simes 1986.
    """
    within = [benjamini_hochberg(family.p[:, :1] if family.is_of_two else family.p) for family in families]
    # The smallest q of Benjamini and Hochberg is the p of Simes.
    simes = np.array([np.nanmin(q) if family.n_tests else np.nan for family, q in zip(families, within, strict=True)])
    of_family = benjamini_hochberg(simes)
    selected = of_family < SIGNIFICANT
    factor = int(np.count_nonzero(~np.isnan(simes))) / max(int(np.count_nonzero(selected)), 1)
    adjusted = []
    for number, (family, q) in enumerate(zip(families, within, strict=True)):
        floor = 0.0 if selected[number] else of_family[number]
        everywhere = np.broadcast_to(np.maximum(np.minimum(q * factor, 1.0), floor), family.p.shape)
        p = None if np.isnan(simes[number]) else float(simes[number])
        adjusted.append(Adjusted(family, p, bool(selected[number]), everywhere))
    return adjusted
