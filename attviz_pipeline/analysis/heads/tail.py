"""p-values below 1 / (permutations + 1): a generalised Pareto distribution continues the tail of the permutations.

With R permutations the smallest empirical p is 1 / (R + 1). Among thousands of pairs this is too large to be
significant after adjustment, unless hundreds of pairs share it. So where few permutations are as extreme as the
observed value, the largest ones are described by a distribution, whose tail gives p.

Shapes below 0 are set to 0 (an exponential tail). They would end at a largest possible value and give p = 0 beyond it;
an exponential tail is longer than theirs, so p is too large rather than too small.

Source: Knijnenburg, Wessels, Reinders and Shmulevich 2009, "Fewer permutations, more accurate P-values"; Hosking and
Wallis 1987 (probability-weighted moments); Choulakian and Stephens 2001 (Anderson-Darling test of this distribution).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ENOUGH_AS_EXTREME = 10
"""With so many permutations as extreme as the observed value, the empirical p is precise enough."""

SMALLEST_P = 1e-6
"""Smaller values of a fitted tail are set to this, because they would say more than some hundred permutations know."""

MOST_EXCEEDANCES = 250
FEWEST_EXCEEDANCES = 30
STEP = 10

LARGEST_DISTANCE = {"exponential": 1.1, "pareto": 0.9}
"""Anderson-Darling statistic that fits of true tails exceed in 5 % of cases, by simulation of this very procedure."""


class TailP(NamedTuple):
    """One-sided p-values, each [pair].

    Attributes:
        p: p-value, at least `SMALLEST_P`.
        fitted: Whether it comes from a fitted tail.
        unfitted: Whether no permutation is as extreme, and no tail fits, so that p is 1 / (R + 1).
    """

    p: Floats
    fitted: NDArray[np.bool_]
    unfitted: NDArray[np.bool_]


def tail_p(value: Floats, draws: Floats, *, rounding: float) -> TailP:
    """Return the share of permutations at least as high as the observed values, continued below 1 / (R + 1).

    From up to 250 of the highest permutations, at most a quarter of all, the number is reduced by ten until the
    Anderson-Darling test accepts the fit; with fewer than 30 there is none.

    Args:
        value: Observed values, high ones extreme, [pair].
        draws: Values after each permutation, [permutation, pair].
        rounding: Differences below this are rounding errors.

    Source: see the module; Phipson and Smyth 2010 for the empirical p.
    """
    n_draws = len(draws)
    n_as_high = (draws >= value - rounding).sum(axis=0)
    p = (1 + n_as_high) / (1 + n_draws)
    wanted = n_as_high < ENOUGH_AS_EXTREME
    fitted = np.zeros(len(value), np.bool_)
    highest = np.sort(draws[:, wanted], axis=0)
    open_pairs = np.flatnonzero(wanted)
    for n in range(min(MOST_EXCEEDANCES, n_draws // 4), FEWEST_EXCEEDANCES - 1, -STEP):
        if not len(open_pairs):
            break
        threshold = (highest[-n - 1] + highest[-n]) / 2
        excess = highest[-n:] - threshold
        shape, scale = _fit(excess)
        accepted = (scale > rounding) & (_distance(excess, shape, scale) <= _largest_distance(shape))
        beyond = value[open_pairs] - threshold
        tail = n / n_draws * _survival(np.maximum(beyond, 0)[None], shape, scale)[0]
        done = open_pairs[accepted]
        p[done] = np.maximum(tail[accepted], SMALLEST_P)
        fitted[done] = True
        open_pairs, highest = open_pairs[~accepted], highest[:, ~accepted]
    return TailP(p, fitted, (n_as_high == 0) & ~fitted)


def _fit(excess: Floats) -> tuple[Floats, Floats]:
    """Fit by probability-weighted moments; shapes below 0 become 0.

    Args:
        excess: Differences from the threshold, ascending, [exceedance, pair].

    Returns:
        Shape, at least 0, and scale, each [pair]; the scale is 0 where all values are equal to the threshold.
    """
    n = len(excess)
    weights = 1 - (np.arange(1, n + 1) - 0.35) / n
    mean, weighted = excess.mean(axis=0), (weights[:, None] * excess).mean(axis=0)
    rest = mean - 2 * weighted
    usable = rest > 0
    safe = np.where(usable, rest, 1.0)
    shape = np.where(usable, 2 - mean / safe, 0.0)
    heavy = usable & (shape > 0)
    return np.where(heavy, shape, 0.0), np.where(heavy, 2 * mean * weighted / safe, mean)


def _survival(excess: Floats, shape: Floats, scale: Floats) -> Floats:
    ratio = excess / np.where(scale > 0, scale, 1.0)
    heavy = shape > 0
    safe = np.where(heavy, shape, 1.0)
    survival: Floats = np.where(heavy, np.exp(-np.log1p(safe * ratio) / safe), np.exp(-ratio))
    return survival


def _distance(excess: Floats, shape: Floats, scale: Floats) -> Floats:
    """Return the Anderson-Darling statistic of exceedances, ascending, against the fitted distribution, [pair]."""
    n = len(excess)
    above = np.clip(_survival(excess, shape, scale), 1e-300, 1 - 1e-15)
    weights = (2 * np.arange(1, n + 1) - 1)[:, None]
    statistic: Floats = -n - (weights * (np.log1p(-above) + np.log(above[::-1]))).mean(axis=0)
    return statistic


def _largest_distance(shape: Floats) -> Floats:
    return np.where(shape > 0, LARGEST_DISTANCE["pareto"], LARGEST_DISTANCE["exponential"])
