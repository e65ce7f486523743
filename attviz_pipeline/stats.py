"""The functions of `scipy.stats` that this package uses. Importing that package takes longer than most stages.

Distribution functions are those of `scipy.special` that `scipy.stats` itself calls, so their values are equal.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]


def norm_ppf(share: ArrayLike) -> Any:  # noqa: ANN401 - a number for a number, an array for an array
    """Return the quantile of the standard normal distribution below which a share of it lies."""
    return special.ndtri(share)


def norm_isf(share: ArrayLike) -> Any:  # noqa: ANN401
    """Return the quantile of the standard normal distribution above which a share of it lies."""
    return -special.ndtri(share)


def norm_sf(value: ArrayLike) -> Any:  # noqa: ANN401
    """Return the share of the standard normal distribution that lies above a value."""
    return special.ndtr(np.negative(value))


def t_ppf(share: ArrayLike, freedom: ArrayLike) -> Any:  # noqa: ANN401
    """Return the quantile of Student's t below which a share of it lies; NaN without degrees of freedom."""
    freedom = np.asarray(freedom, np.float64)
    found = special.stdtrit(np.where(freedom > 0, freedom, np.nan), share)
    # The function of scipy.special gives +infinity for a share of 0.
    return np.where((np.asarray(share) == 0) & (freedom > 0), -np.inf, found)[()]


def t_isf(share: ArrayLike, freedom: ArrayLike) -> Any:  # noqa: ANN401
    """Return the quantile of Student's t above which a share of it lies; NaN without degrees of freedom."""
    return -t_ppf(share, freedom)


def t_sf(value: ArrayLike, freedom: ArrayLike) -> Any:  # noqa: ANN401
    """Return the share of Student's t that lies above a value."""
    return special.stdtr(freedom, np.negative(value))


def poisson_cdf(number: ArrayLike, mean: ArrayLike) -> Any:  # noqa: ANN401
    """Return the probability of at most a number of events."""
    return special.pdtr(number, mean)


def sign_test(n_first: int, n: int) -> float:
    """Return the two-sided p of the sign test: `n_first` of `n` fair tosses fell one way. Source: Conover 1999, 3.4."""
    return min(1.0, 2 * float(special.bdtr(min(n_first, n - n_first), n, 0.5)))


def rankdata(values: ArrayLike, axis: int | None = None) -> Floats:
    """Return ranks from 1 on; equal values have the mean of their ranks.

    Args:
        values: Numbers. If one of a row is NaN, all ranks of the row are.
        axis: Along which they are ranked; by default all of them, as one row.
    """
    table = np.asarray(values)
    if axis is not None:
        return np.apply_along_axis(rankdata, axis, table).astype(np.float64)
    row = table.ravel()
    if row.dtype.kind == "f" and np.isnan(row).any():
        return np.full(len(row), np.nan)
    _, place, counts = np.unique(row, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = (last - (counts - 1) / 2)[place]
    return ranks


def false_discovery_control(p: ArrayLike | Sequence[float]) -> Floats:
    """Return the q values of p values, at least one: Benjamini and Hochberg 1995."""
    p = np.asarray(p, np.float64)
    order = np.argsort(p)
    q = np.minimum.accumulate((p[order] * (len(p) / np.arange(1, len(p) + 1)))[::-1])[::-1]
    adjusted = np.empty_like(p)
    adjusted[order] = np.clip(q, 0, 1)
    return adjusted


def spearman(first: ArrayLike, second: ArrayLike) -> float:
    """Return the rank correlation of two rows of numbers; NaN if all numbers of one are equal."""
    one, other = (rankdata(values) for values in (first, second))
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.corrcoef(one, other)[0, 1])
