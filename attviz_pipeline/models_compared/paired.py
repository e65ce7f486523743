"""Paired changes of input rows: tests, and intervals with and without the model as a source of variation."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline import stats
from attviz_pipeline.analysis.inference import LEVEL, t_interval
from attviz_pipeline.significance import SIGNIFICANT

Floats = NDArray[np.float64]

LEAST_FLIPS = 9_999
SIGNS_PER_BLOCK = 2**23
LARGEST_LOG, HALVINGS = 230.0, 60
"""Bounds of the search for p: from e^-230, about 1e-100, in 60 halvings."""
ROUNDING = 1e-9
"""A sum of flipped changes that is smaller by less than this share counts as equal, because it is a rounding error."""


class Change(NamedTuple):
    """Mean changes with intervals, each [head]; NaN where undefined."""

    mean: Floats
    low: Floats
    high: Floats


def row_means(values: Floats, row: NDArray[np.int64], n_rows: int) -> Floats:
    """Average the documents of each input row.

    Args:
        values: [document, head]; a document without a value is NaN in every head.
        row: Number of each document's input row, [document].
        n_rows: Number of input rows.

    Returns:
        [row, head]; NaN for rows without a value.
    """
    there = ~np.isnan(values).any(axis=1)
    sums = np.zeros((n_rows, values.shape[1]))
    np.add.at(sums, row[there], values[there])
    counts = np.bincount(row[there], minlength=n_rows)[:, None]
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def mean_change(rows: Floats) -> Change:
    """Return the mean over input rows, with a 95 % interval by Student's t; bounds are NaN with one row.

    Args:
        rows: Changes, [row, head], without NaN.
    """
    n = len(rows)
    if not n:
        nothing = np.full(rows.shape[1], np.nan)
        return Change(nothing, nothing, nothing)
    mean = rows.mean(axis=0)
    low, high = t_interval(mean, rows.var(axis=0) / n, np.full(len(mean), n))
    return Change(mean, low, high)


def flips_wanted(n_tests: int) -> int:
    """Return how many random signs a single clear change among so many tests needs to reach q < 0.05."""
    return max(LEAST_FLIPS, int(np.ceil(2 * n_tests / SIGNIFICANT)))


def sign_flip_p(rows: Floats, n_flips: int, seed: int) -> Floats:
    """Return two-sided p of a mean change of 0: if the two models were alike, each row's change could have either sign.

    All heads of a row get the same sign, so tests of different heads stay as dependent as they are.

    Args:
        rows: Changes, [row, test], without NaN.
        n_flips: Random signs of all rows; the observed signs count as one more.
        seed: Of the random signs.

    Returns:
        [test]; 1 where nothing changed, NaN without rows.

    Source: Fisher 1935, The Design of Experiments, section 21; Phipson & Smyth 2010, for the one more.
    """
    n_rows, n_tests = rows.shape
    if not n_rows:
        return np.full(n_tests, np.nan)
    observed = np.abs(rows.sum(axis=0)) * (1 - ROUNDING)
    random, n_as_large, done = np.random.default_rng(seed), np.zeros(n_tests), 0
    while done < n_flips:
        n = min(n_flips - done, max(1, SIGNS_PER_BLOCK // n_rows))
        signs = 1.0 - 2.0 * random.integers(0, 2, (n, n_rows), dtype=np.int8)
        n_as_large += (np.abs(signs @ rows) >= observed).sum(axis=0)
        done += n
    return (n_as_large + 1) / (n_flips + 1)


class Crossed(NamedTuple):
    """Mean changes over input rows and models, each [head]; bounds and p are NaN with one model or one row."""

    mean: Floats
    low: Floats
    high: Floats
    spread: Floats
    p: Floats


def crossed_change(rows: Floats) -> Crossed:
    """Return means over models and input rows, with 95 % intervals that include both.

    The variance of the mean is that of the models' means over their number, plus that of the rows' means over theirs,
    as if models and rows were drawn again independently (the pigeonhole bootstrap, in closed form). Variation that
    belongs to neither is in both terms, so intervals are rather too wide. With few models they are wide.

    Args:
        rows: Changes, [model, row, head], without NaN.

    Source: Owen 2007, The pigeonhole bootstrap.
    """
    n_models, n_rows, n_heads = rows.shape
    mean = rows.mean(axis=(0, 1)) if n_rows else np.full(n_heads, np.nan)
    if n_models < 2 or n_rows < 2:
        nothing = np.full(n_heads, np.nan)
        return Crossed(mean, nothing, nothing, nothing, nothing)
    spread = rows.mean(axis=1).std(axis=0, ddof=1)
    of_models = spread**2 / n_models
    of_rows = rows.mean(axis=0).var(axis=0, ddof=1) / n_rows
    low, high, p = from_sources(mean, (of_models, n_models - 1), (of_rows, n_rows - 1))
    return Crossed(mean, low, high, spread, p)


def from_sources(mean: Floats, *sources: tuple[Floats, int]) -> tuple[Floats, Floats, Floats]:
    """Return the bounds of 95 % intervals and two-sided p of a mean whose variance has several sources.

    Each source has its own quantile of Student's t: the squares of the half-widths add up. Where two models vary much,
    Satterthwaite's interval holds in 89 % of samples; this one in 96 % or more of those tried.

    Args:
        mean: [head].
        sources: Each a variance of the mean, [head], and its degrees of freedom.

    Returns:
        Lower and upper bounds, and the p at which an interval would end at 0. Without any variation, p is 1 for a
        mean of 0, else NaN.

    Source: Howe 1974, Approximate confidence limits on the mean of X + Y.
    """
    half = _half_width(np.full(len(mean), (1 - LEVEL) / 2), sources)
    varies = half > 0
    smallest, largest = np.full(len(mean), -LARGEST_LOG), np.full(len(mean), np.log(0.5))
    for _ in range(HALVINGS):
        middle = (smallest + largest) / 2
        is_wider = _half_width(np.exp(middle), sources) > np.abs(mean)
        smallest, largest = np.where(is_wider, middle, smallest), np.where(is_wider, largest, middle)
    # Without any variation t is undefined, and only a mean of 0 is clearly no change.
    p = np.where(varies, 2 * np.exp(largest), np.where(mean == 0, 1.0, np.nan))
    return mean - half, mean + half, p


def _half_width(tail: Floats, sources: Sequence[tuple[Floats, int]]) -> Floats:
    squares = sum((stats.t_isf(tail, freedom) ** 2 * variance for variance, freedom in sources), np.zeros(len(tail)))
    width: Floats = np.sqrt(squares)
    return width
