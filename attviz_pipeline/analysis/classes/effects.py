"""How large differences are: intervals that respect input rows, shrinkage, and what a comparison could detect."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from attviz_pipeline.analysis.inference import LEVEL
from attviz_pipeline.significance import SIGNIFICANT

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

POWER = 0.8


class Side(NamedTuple):
    """The documents on one side of a comparison, [feature, group].

    Attributes:
        variance: Variance of the mean, with input rows as sampling units; NaN with fewer than two rows.
        n_rows: Input rows.
        n_effective: Number of independent rows of equal size that would be worth as much: n^2 / sum(c^2), c the
            documents of a row.
    """

    variance: Floats
    n_rows: Integers
    n_effective: Floats


def effect_interval(effect: Floats, std: Floats, inside: Side, outside: Side) -> tuple[Floats, Floats]:
    """Return the bounds of 95 % intervals of Hedges' g.

    The variance of g is that of the difference in units of the pooled standard deviation, each side with its own
    variance between rows, plus that of the standard deviation itself, g^2 / (2 df). Degrees of freedom: Welch 1947.

    Args:
        effect: Hedges' g, [feature, group].
        std: Pooled standard deviation within the sides; where it is 0, the bounds are the effect.
        inside: The group's documents.
        outside: All others.

    Source: Hedges & Olkin 1985, Statistical Methods for Meta-Analysis, for the variance of the standard deviation.
    """
    n_inside, n_outside = np.maximum(inside.n_rows, 2), np.maximum(outside.n_rows, 2)
    of_means = inside.variance + outside.variance
    parts = inside.variance**2 / (n_inside - 1) + outside.variance**2 / (n_outside - 1)
    freedom = of_means**2 / np.where(parts > 0, parts, 1.0)
    scaled = np.where(std > 0, of_means / np.where(std > 0, std, 1.0) ** 2, 0.0)
    variance = scaled + effect**2 / (2 * (n_inside + n_outside - 2))
    half = stats.t.ppf((1 + LEVEL) / 2, np.maximum(freedom, 1.0)) * np.sqrt(variance)
    return effect - half, effect + half


def effect_variance(effect: Floats, inside: Side, outside: Side) -> Floats:
    """Return the variance of Hedges' g if both sides vary alike, [feature, group].

    Source: Hedges 1981, with effective numbers of rows in place of numbers of observations.
    """
    n_inside, n_outside = np.maximum(inside.n_effective, 1.0), np.maximum(outside.n_effective, 1.0)
    variance: Floats = 1 / n_inside + 1 / n_outside + effect**2 / (2 * np.maximum(n_inside + n_outside - 2, 1.0))
    return variance


def detectable_effect(n_inside: int, n_outside: int) -> float:
    """Return the Hedges' g that a single t test at p < 0.05, two-sided, finds in 80 % of samples.

    Args:
        n_inside: Independent units (input rows, or documents) of the group.
        n_outside: Other units.
    """
    freedom = n_inside + n_outside - 2
    critical = stats.t.isf(SIGNIFICANT / 2, freedom)
    # The other tail has no power to speak of.
    shift = special.nctdtrinc(freedom, 1 - POWER, critical)
    d = shift * (1 / n_inside + 1 / n_outside) ** 0.5
    return float((1 - 3 / (4 * freedom - 1)) * d)
