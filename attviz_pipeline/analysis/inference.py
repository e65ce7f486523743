"""Statistical inference: intervals over documents, effect sizes, permutation p-values, false discovery rate."""

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline import stats

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LEVEL = 0.95
"""Confidence level of all intervals in this project."""

ROUNDING = 1e-12
"""A variance below this share of the squared mean counts as 0, because it is a rounding error."""


def ratio_variance(between: Floats, cross: Floats, squared_count: Floats, ratio: Floats, count: Floats) -> Floats:
    """Return the sum over documents of (s - r c)^2 / N^2: the variance of r = sum(s) / sum(c) without m / (m - 1).

    Tokens of one document are not independent, so documents are the sampling units: s is a document's sum, c its count.

    Args:
        between: Sum of s^2.
        cross: Sum of s c.
        squared_count: Sum of c^2.
        ratio: sum(s) / sum(c).
        count: Sum of c, N.

    Source: Cochran 1977, Sampling Techniques, chapter 6 (the ratio estimator, linearised).
    """
    spread = between - 2 * ratio * cross + ratio**2 * squared_count
    negligible = spread <= ROUNDING * np.maximum(between, ratio**2 * squared_count)
    variance: Floats = np.where(negligible, 0.0, spread) / np.maximum(count, 1) ** 2
    return variance


def t_interval(estimate: Floats, variance: Floats, n_documents: Integers) -> tuple[Floats, Floats]:
    """Return the bounds of 95 % intervals by Student's t with m - 1 degrees of freedom.

    Args:
        estimate: Any shape that `n_documents` broadcasts to.
        variance: As returned by `ratio_variance`.
        n_documents: Number of documents of each estimate, m.

    Returns:
        Lower and upper bounds; NaN where there are fewer than two documents.
    """
    m = np.maximum(n_documents, 2)
    half = np.where(n_documents > 1, stats.t_ppf((1 + LEVEL) / 2, m - 1) * np.sqrt(variance * m / (m - 1)), np.nan)
    return estimate - half, estimate + half


def expanded_tail(n_documents: Integers) -> Floats:
    """Return the share of bootstrap replicates to cut off at each end for a 95 % interval.

    Plain percentile intervals of few documents are too narrow: by sqrt((m - 1) / m), and because they use z instead of
    t. The share is the tail of the normal distribution beyond sqrt(m / (m - 1)) t.

    Source: Hesterberg 2015, What Teachers Should Know About the Bootstrap (expanded percentile interval).
    """
    m = np.maximum(n_documents, 2)
    return np.asarray(stats.norm_sf(np.sqrt(m / (m - 1)) * stats.t_ppf((1 + LEVEL) / 2, m - 1)), np.float64)


def hedges_g(difference: Floats, squares: Floats, n_inside: Integers, n_outside: Integers) -> Floats:
    """Return differences of means in units of the pooled standard deviation, corrected for small samples.

    Args:
        difference: Mean inside the group minus mean outside.
        squares: Sum of squared deviations from the mean of the own side, over both sides.
        n_inside: Documents inside the group.
        n_outside: Documents outside.

    Returns:
        The same shape; 0 if there is no variation within both sides.

    Source: Hedges 1981, Distribution theory for Glass's estimator of effect size, with J = 1 - 3 / (4 df - 1).
    """
    freedom = np.maximum(n_inside + n_outside - 2, 1)
    varies = squares > 0
    std = np.sqrt(np.where(varies, squares, 1.0) / freedom)
    return np.where(varies, (1 - 3 / (4 * freedom - 1)) * difference / std, 0.0)


def permutation_p(n_as_high: Integers, n_as_low: Integers, n_permutations: int) -> Floats:
    """Return two-sided p-values: twice the smaller tail; the observed arrangement counts as one of the permutations.

    Args:
        n_as_high: Number of permutations whose statistic is at least the observed one.
        n_as_low: Number of permutations whose statistic is at most the observed one.
        n_permutations: Number of all permutations.

    Source: Phipson & Smyth 2010, Permutation p-values should never be zero.
    """
    tail = (np.minimum(n_as_high, n_as_low) + 1) / (n_permutations + 1)
    return np.minimum(2 * tail, 1.0)


def benjamini_hochberg(p: Floats) -> Floats:
    """Return q-values: the smallest false discovery rate at which each hypothesis is rejected; NaN stays NaN.

    Source: Benjamini & Hochberg 1995, Controlling the false discovery rate.
    """
    q = np.full(p.shape, np.nan)
    tested = ~np.isnan(p)
    if tested.any():
        q[tested] = stats.false_discovery_control(p[tested])
    return q
