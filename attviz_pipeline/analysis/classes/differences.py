"""Differences between each group and all other documents, with their effect sizes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis.classes.effects import Side, effect_interval, effect_variance
from attviz_pipeline.analysis.classes.groups import Grouping, Units
from attviz_pipeline.analysis.classes.values import UnitSums, Values
from attviz_pipeline.analysis.inference import ROUNDING, hedges_g, ratio_variance
from attviz_pipeline.analysis.shrinkage import shrink_to_zero

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Differences:
    """Differences between each group and the rest, [feature, group]; NaN if a side has fewer than two documents.

    Attributes:
        n_inside: Documents of the group that have the feature.
        n_outside: Other documents that have the feature.
        mean_inside: Mean over the group's documents.
        mean_outside: Mean over the other documents.
        effect: Hedges' g of the difference minus its mean over the permutations.
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


def differences(values: Values, grouping: Grouping, units: Units, expected: Floats) -> Differences:
    """Compare each group with the rest.

    Args:
        values: Values of documents.
        grouping: The groups.
        units: Input rows, the sampling units of intervals.
        expected: Difference that document length explains, [feature, group].
    """
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
    effect = np.where(testable, hedges_g(means - others - expected, within, n_inside, n_outside), np.nan)
    of_units = values.unit_sums(units)
    sides = (
        _side(UnitSums(*(column[:, :-1] for column in of_units)), means, n_inside),
        _side(UnitSums(*(column[:, -1:] - column[:, :-1] for column in of_units)), others, n_outside),
    )
    std = np.sqrt(within / np.maximum(n_inside + n_outside - 2, 1))
    low, high = effect_interval(effect, std, *sides)
    shrunken = np.full(effect.shape, np.nan)
    # The rows of two groups mirror each other, which changes no moment.
    variance = effect_variance(effect, *(side.n_effective for side in sides))
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


def _side(sums: UnitSums, means: Floats, n: Integers) -> Side:
    variance = ratio_variance(sums.squares, sums.cross, sums.squared_counts, means, np.ones(n.shape))
    return Side(
        n.astype(np.float64),
        np.rint(sums.n_units).astype(np.int64),
        variance,
        n**2 / np.maximum(sums.squared_counts, 1),
    )
