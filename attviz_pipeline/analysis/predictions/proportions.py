"""Intervals of proportions, and of mean confidence minus accuracy; documents of one input row are not independent.

`hits` is 1 for a document that counts and 0 for any other, [document]; `rows` is the number of each document's input
row, [document].
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline import stats
from attviz_pipeline.analysis.inference import LEVEL, ratio_variance, t_interval
from attviz_pipeline.analysis.predictions.resampling import Estimate

Floats = NDArray[np.float64]
Z_95 = 1.959963984540054


class Clusters(NamedTuple):
    """Documents of each input row, and how many of them count, [row]."""

    hits: Floats
    sizes: Floats

    @classmethod
    def of(cls, hits: Floats, rows: NDArray[np.intp]) -> "Clusters":
        """Add up the documents of each row."""
        distinct, place = np.unique(rows, return_inverse=True)
        sizes = np.bincount(place, minlength=len(distinct)).astype(np.float64)
        return cls(np.bincount(place, weights=hits, minlength=len(distinct)).astype(np.float64), sizes)

    @property
    def are_documents(self) -> bool:
        """Whether each row has one document."""
        return bool((self.sizes == 1).all())


def proportion(hits: Floats, rows: NDArray[np.intp]) -> Estimate:
    """Estimate a proportion with its 95 % Wilson interval; no value without documents, no interval from one row alone.

    If rows have several documents, n is divided by the design effect, and by (t / z)^2 because that effect is
    estimated: t has one degree of freedom less than there are rows.

    Source: Wilson 1927; Kish 1965; Korn and Graubard 1998 (t instead of z).
    """
    if not len(hits):
        return Estimate(None, None, None)
    found, clusters = float(hits.mean()), Clusters.of(hits, rows)
    n = float(len(hits))
    if not clusters.are_documents:
        if len(clusters.sizes) == 1:
            return Estimate(found, None, None)
        t = float(stats.t_ppf((1 + LEVEL) / 2, len(clusters.sizes) - 1))
        n /= design_effect(clusters) * (t / Z_95) ** 2
    low, high = wilson_interval(np.array([found]), np.array([n]))
    # At 0 and 1, the bound beyond is off by a rounding error.
    return Estimate(found, min(float(low[0]), found), max(float(high[0]), found))


def design_effect(clusters: Clusters) -> float:
    """How many times the variance of a proportion is that of as many independent documents, at least 1.

    The larger of two estimates is taken, since each is too small for some data: the linearised variance of the ratio,
    and Kish's 1 + (m - 1) rho, with m = sum(size^2) / sum(size). rho is the analysis-of-variance estimate after adding
    one row of hits and one of misses, both of mean size: with few hits or few misses, the data alone say little of it.

    Source: Kish 1965, Survey Sampling; Donner and Klar 2000 (rho); Agresti and Coull 1998 (added trials).
    """
    if clusters.are_documents:
        return 1.0
    size = clusters.sizes.mean()
    added = Clusters(np.append(clusters.hits, [size, 0.0]), np.append(clusters.sizes, [size, size]))
    return max(1.0, _linearised(clusters), 1 + (_typical_size(added) - 1) * _intraclass_correlation(added))


def gap(confidence: Floats, right: Floats, rows: NDArray[np.intp]) -> Estimate:
    """Estimate mean confidence minus accuracy with its 95 % interval; none from one input row alone.

    The bounds combine those of the mean confidence (Student's t) and of the accuracy (Wilson): the square of the
    distance to a bound is d1^2 + d2^2 - 2 r d1 d2, with distances d1 and d2 to theirs and their correlation r.

    Source: Newcombe 1998, method 10; Zou and Donner 2008 (variance estimates recovered from limits).
    """
    accuracy, mean = proportion(right, rows), float(confidence.mean())
    found = mean - float(right.mean())
    if accuracy.low is None or accuracy.high is None or accuracy.value is None or len(np.unique(rows)) < 2:
        return Estimate(found, None, None)
    clusters, sums = Clusters.of(right, rows), Clusters.of(confidence, rows)
    between, cross, squares = (
        np.array(float(a @ b)) for a, b in ((sums.hits, sums.hits), (sums.hits, sums.sizes), (sums.sizes, sums.sizes))
    )
    variance = ratio_variance(between, cross, squares, np.array(mean), np.array(float(len(right))))
    low, high = t_interval(np.array(mean), variance, np.array(len(sums.sizes)))
    half = float(high - low) / 2
    r = _correlation(sums.hits - mean * sums.sizes, clusters.hits - accuracy.value * clusters.sizes)
    down, up = accuracy.high - accuracy.value, accuracy.value - accuracy.low
    return Estimate(
        found,
        found - float(np.sqrt(max(half**2 + down**2 - 2 * r * half * down, 0.0))),
        found + float(np.sqrt(max(half**2 + up**2 - 2 * r * half * up, 0.0))),
    )


def wilson_interval(share: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Return the 95 % interval of a share in n independent trials; both bounds are in 0..1.

    Source: Wilson 1927.
    """
    centre = (share + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
    half = Z_95 / (1 + Z_95**2 / n) * np.sqrt(share * (1 - share) / n + Z_95**2 / (4 * n**2))
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)


def _linearised(clusters: Clusters) -> float:
    """Variance of the ratio of hits to documents, over rows, divided by that of independent documents; 1 at 0 and 1."""
    hits, sizes = clusters
    n, n_rows = sizes.sum(), len(sizes)
    share = hits.sum() / n
    if n_rows < 2 or share in {0.0, 1.0}:
        return 1.0
    variance = ((hits - share * sizes) ** 2).sum() / n**2 * n_rows / (n_rows - 1)
    return float(variance / (share * (1 - share) / n))


def _typical_size(clusters: Clusters) -> float:
    return float((clusters.sizes**2).sum() / clusters.sizes.sum())


def _intraclass_correlation(clusters: Clusters) -> float:
    """Correlation of two documents of one row, by analysis of variance, 0..1."""
    hits, sizes = clusters
    n, n_rows = sizes.sum(), len(sizes)
    share = hits.sum() / n
    between = float(((hits - share * sizes) ** 2 / sizes).sum() / (n_rows - 1))
    within = float((hits * (1 - hits / sizes)).sum() / (n - n_rows))
    total = between + ((n - _typical_size(clusters)) / (n_rows - 1) - 1) * within
    return min(max((between - within) / total, 0.0), 1.0) if total > 0 else 0.0


def _correlation(first: Floats, second: Floats) -> float:
    spread = float(np.sqrt((first @ first) * (second @ second)))
    return float(np.clip(first @ second / spread, -1, 1)) if spread > 0 else 0.0
