"""Differences between each group and all other documents, with their effect sizes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis.classes.effects import Side, effect_interval, effect_variance
from attviz_pipeline.analysis.classes.groups import Permutations, Units
from attviz_pipeline.analysis.classes.values import UnitSums, Values
from attviz_pipeline.analysis.inference import ROUNDING, hedges_g, ratio_variance
from attviz_pipeline.analysis.shrinkage import shrink_to_zero

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LEAST_LEFT = 1e-6


@dataclass(frozen=True)
class Differences:
    """Differences between each group and the rest, [feature, group]; NaN if a side has fewer than two documents.

    Attributes:
        n_inside: Documents of the group that have the feature.
        n_outside: Other documents that have the feature.
        mean_inside: Mean over the group's documents.
        mean_outside: Mean over the other documents.
        effect: Hedges' g of the difference within strata of length.
        effect_low: Lower bound of its 95 % interval; NaN, too, if a side has fewer than two input rows.
        effect_high: Upper bound.
        shrunken_effect: The effect after empirical-Bayes shrinkage over all features and groups.
    """

    n_inside: Integers
    n_outside: Integers
    mean_inside: Floats
    mean_outside: Floats
    effect: Floats
    effect_low: Floats
    effect_high: Floats
    shrunken_effect: Floats


def differences(values: Values, permutations: Permutations, units: Units, expected: Floats) -> Differences:
    """Compare each group with the rest.

    Args:
        values: Values of documents.
        permutations: The groups, and how they are permuted.
        units: Input rows, the sampling units of intervals.
        expected: Mean of the difference over the permutations, [feature, group].
    """
    grouping = permutations.grouping
    everything = values.sums(grouping.known[:, None].astype(np.float64))
    inside = values.sums(grouping.members(grouping.number))
    n_inside = inside.n.astype(np.int64)
    n_outside = everything.n.astype(np.int64) - n_inside
    squares = values.squares(grouping.known[:, None].astype(np.float64))
    means = inside.total / np.maximum(n_inside, 1)
    others = (everything.total - inside.total) / np.maximum(n_outside, 1)
    within = squares - n_inside * means**2 - n_outside * others**2
    within = np.where(within <= ROUNDING * squares, 0.0, within)
    testable = (n_inside > 1) & (n_outside > 1)
    left = _left_by_strata(values, permutations)
    within_strata = np.where(left > 0, (means - others - expected) / np.where(left > 0, left, 1.0), 0.0)
    effect = np.where(testable, hedges_g(within_strata, within, n_inside, n_outside), np.nan)
    of_units = values.unit_sums(units)
    sides = (
        _side(UnitSums(*(column[:, :-1] for column in of_units)), means, n_inside),
        _side(UnitSums(*(column[:, -1:] - column[:, :-1] for column in of_units)), others, n_outside),
    )
    std = np.sqrt(within / np.maximum(n_inside + n_outside - 2, 1))
    low, high = effect_interval(effect, std, left, *sides)
    shrunken = np.full(effect.shape, np.nan)
    # The rows of two groups mirror each other, which changes no moment.
    variance = effect_variance(effect, left, *(side.n_effective for side in sides))
    shrunken[testable] = shrink_to_zero(effect[testable], variance[testable])
    return Differences(
        n_inside,
        n_outside,
        np.where(testable, means, np.nan),
        np.where(testable, others, np.nan),
        effect,
        low,
        high,
        shrunken,
    )


def _left_by_strata(values: Values, permutations: Permutations) -> Floats:
    """Return the share of a true difference that remains when the mean over the permutations is taken off.

    A permutation leaves documents in their strata. If a group has more documents in some strata than in others, be it
    by chance, the mean over the permutations contains a part of the difference. The part is that of a feature that is
    1 in the group and 0 elsewhere.
    """
    grouping = permutations.grouping
    members, chance = grouping.members(grouping.number), permutations.chance()
    n_groups = members.shape[1]
    known = grouping.known[:, None].astype(np.float64)
    n = values.sums(np.column_stack([chance, chance * members, members, known])).n
    by_chance, both, inside, everything = np.split(n, [n_groups, 2 * n_groups, 3 * n_groups], axis=1)
    outside = everything - by_chance
    share_inside = both / np.where(by_chance > 0, by_chance, 1.0)
    share_outside = (inside - both) / np.where(outside > 0, outside, 1.0)
    left = 1 - (share_inside - share_outside)
    return np.where(left > LEAST_LEFT, left, 0.0)


def _side(sums: UnitSums, means: Floats, n: Integers) -> Side:
    variance = ratio_variance(sums.squares, sums.cross, sums.squared_counts, means, np.ones(n.shape))
    return Side(
        n.astype(np.float64),
        np.rint(sums.n_units).astype(np.int64),
        variance,
        n**2 / np.maximum(sums.squared_counts, 1),
    )
