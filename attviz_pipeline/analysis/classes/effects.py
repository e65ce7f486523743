"""How large differences are: intervals that respect input rows, shrinkage, and what a comparison could detect."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from attviz_pipeline import stats
from attviz_pipeline.analysis.inference import LEVEL
from attviz_pipeline.significance import SIGNIFICANT

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

POWER = 0.8


class Side(NamedTuple):
    """The documents on one side of a comparison, [feature, group].

    Attributes:
        n: Documents.
        n_rows: Input rows.
        squares: Sum over rows of (s - c m)^2, s the sum of a row's values, c its documents, m the mean of the side.
        n_effective: Number of rows of equal size that would be worth as much: n^2 / sum(c^2).
    """

    n: Floats
    n_rows: Integers
    squares: Floats
    n_effective: Floats


def effect_interval(effect: Floats, std: Floats, left: Floats, inside: Side, outside: Side) -> tuple[Floats, Floats]:
    """Return the bounds of 95 % intervals of Hedges' g.

    The variance of g is that of the difference of means, in units of the pooled standard deviation, plus that of the
    standard deviation itself, g^2 / (2 df). The variance of the means is that between input rows. It is estimated
    twice: for each side by itself (Welch 1947), as the sides may vary differently, and for both together, as the
    variance of few rows is uncertain. The wider interval counts. It contains the variation between documents of
    different length, which permutations within strata of length do not.

    Args:
        effect: Hedges' g, [feature, group].
        std: Pooled standard deviation within the sides; where it is 0, the bounds are the effect.
        left: 1 - R^2 of the group on strata of length, by which the adjustment for strata inflates the variance.
        inside: The group's documents.
        outside: All others.

    Returns:
        Bounds; NaN where a side has fewer than two rows, or length determines the group.

    Source: Cochran 1977, chapter 6 (means of clusters); Hedges & Olkin 1985, Statistical Methods for Meta-Analysis.
    """
    sides = inside, outside
    freedom = np.maximum(inside.n_rows + outside.n_rows - 2, 1)
    alone = [side.squares * side.n_rows / np.maximum(side.n_rows - 1, 1) / np.maximum(side.n, 1) ** 2 for side in sides]
    squares = (inside.squares + outside.squares) / freedom
    pooled = sum(squares * side.n_rows / np.maximum(side.n, 1) ** 2 for side in sides)
    parts = sum(v**2 / np.maximum(side.n_rows - 1, 1) for v, side in zip(alone, sides, strict=True))
    freedom_alone = np.where(parts > 0, sum(alone) ** 2 / np.where(parts > 0, parts, 1.0), freedom)
    unit = np.where(std > 0, std, 1.0) ** 2
    divisor = np.where(left > 0, left, 1.0)
    half = np.maximum(
        *(
            stats.t_ppf((1 + LEVEL) / 2, df)
            * np.sqrt(np.where(std > 0, v, 0.0) / unit / divisor + effect**2 / (2 * freedom))
            for v, df in ((sum(alone), freedom_alone), (pooled, freedom))
        )
    )
    half[(inside.n_rows < 2) | (outside.n_rows < 2) | (left <= 0)] = np.nan
    return effect - half, effect + half


def effect_variance(effect: Floats, left: Floats, n_inside: Floats, n_outside: Floats) -> Floats:
    """Return the variance of Hedges' g if both sides vary alike, [feature, group].

    Args:
        effect: Hedges' g.
        left: As in `effect_interval`.
        n_inside: Effective number of rows of the group.
        n_outside: Effective number of other rows.

    Source: Hedges 1981, with rows in place of observations.
    """
    n_inside, n_outside = np.maximum(n_inside, 1.0), np.maximum(n_outside, 1.0)
    of_means = (1 / n_inside + 1 / n_outside) / np.where(left > 0, left, 1.0)
    variance: Floats = of_means + effect**2 / (2 * np.maximum(n_inside + n_outside - 2, 1.0))
    return variance


def detectable_effect(n_inside: int, n_outside: int) -> float:
    """Return the Hedges' g that a single t test at p < 0.05, two-sided, finds in 80 % of samples.

    Args:
        n_inside: Independent units (input rows, or documents) of the group.
        n_outside: Other units.
    """
    freedom = n_inside + n_outside - 2
    critical = stats.t_isf(SIGNIFICANT / 2, freedom)
    # The other tail has no power to speak of.
    shift = special.nctdtrinc(freedom, 1 - POWER, critical)
    d = shift * (1 / n_inside + 1 / n_outside) ** 0.5
    return float((1 - 3 / (4 * freedom - 1)) * d)
