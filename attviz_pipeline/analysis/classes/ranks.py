"""Rank correlation of heads and terms with a value of the documents.

Ranks are mid-ranks minus their mean: multiples of one half, which double precision adds exactly.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from attviz_pipeline import stats
from attviz_pipeline.analysis.classes.differences import Differences
from attviz_pipeline.analysis.classes.groupings import FEWEST_VALUES
from attviz_pipeline.analysis.classes.statistics import NANOSECONDS_OF_MEANS, Compared
from attviz_pipeline.analysis.classes.values import Feature, Rows, Values
from attviz_pipeline.analysis.inference import LEVEL
from attviz_pipeline.analysis.shrinkage import shrink_to_zero
from attviz_pipeline.significance import SIGNIFICANT

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

N_ESTIMATED = 4
"""Documents that the variance of a partial rank correlation given one other quantity costs."""
LARGEST = 1 - 1e-6
"""A correlation of 1 has no Fisher transform."""
ROUNDING = 1e-9
POWER = 0.8


class Targets(NamedTuple):
    """What features are correlated with, and what is held equal, each [document].

    Attributes:
        value: The value; of documents without one, any.
        length: Number of tokens.
        row: Number of the input row.
    """

    value: Floats
    length: Integers
    row: Integers


class RankSums:
    """The statistic of the permutation test: covariance of a feature's ranks and those of the value, scaled.

    Args:
        ranks: Ranks of each feature among the documents that have it, 0 elsewhere, [feature, document].
        scale: What the covariance of a feature is divided by; 0 if it does not vary, [feature].
        nanoseconds_of_rank: Estimate of the time for one rank.
    """

    def __init__(self, ranks: Floats | sparse.csr_array, scale: Floats, nanoseconds_of_rank: float) -> None:
        self._ranks, self._scale, self._nanoseconds_of_rank = ranks, scale, nanoseconds_of_rank

    def compare(self, members: Floats) -> Compared:
        """Return scaled covariances; `members` are ranks of the value, [document, permutation]."""
        covariance = self._ranks @ members
        scaled = np.where(self._scale > 0, covariance.T / np.where(self._scale > 0, self._scale, 1.0), 0.0).T
        return Compared(scaled, scaled)

    def only(self, features: Rows) -> Self:
        """Return the statistic of some features."""
        return type(self)(self._ranks[features], self._scale[features], self._nanoseconds_of_rank)

    def nanoseconds(self) -> Floats:
        """Estimate the time of each feature, [feature]."""
        if isinstance(self._ranks, sparse.csr_array):
            n_ranks = np.diff(self._ranks.indptr).astype(np.float64)
        else:
            n_ranks = np.full(len(self._ranks), float(self._ranks.shape[1]))
        nanoseconds: Floats = NANOSECONDS_OF_MEANS + self._nanoseconds_of_rank * n_ranks
        return nanoseconds


def rank_sums(
    features: Iterable[Feature], weights: Floats, known: NDArray[np.bool_], values: Values, *, is_dense: bool
) -> RankSums:
    """Return the statistic of features that not every document has.

    Args:
        features: Values of each feature, of documents with a value to correlate with.
        weights: Ranks of the value, [document].
        known: Which documents have a value, [document].
        values: What the features are of, for an estimate of the time.
        is_dense: Whether most documents have most features.
    """
    found = [(feature.documents, centred_ranks(feature.values)) for feature in features]
    lengths = np.array([len(documents) for documents, _ in found], np.int64)
    squares = np.array([float(ranks @ ranks) for _, ranks in found])
    scale = np.sqrt(squares * (weights @ weights) * lengths / known.sum())
    if is_dense:
        dense = np.zeros((len(found), len(weights)))
        for row, (documents, ranks) in zip(dense, found, strict=True):
            row[documents] = ranks
        return RankSums(dense, scale, values.nanoseconds_of_document)
    return RankSums(_sparse(found, len(weights)), scale, values.nanoseconds_of_document)


def _sparse(rows: Sequence[Feature | tuple[Rows, Floats]], n_documents: int) -> sparse.csr_array:
    """Return one row per feature, [feature, document]."""
    indptr = np.concatenate([[0], np.cumsum([len(documents) for documents, _ in rows])]).astype(np.int64)
    indices = np.concatenate([documents for documents, _ in rows] or [np.zeros(0, np.intp)])
    data = np.concatenate([values for _, values in rows] or [np.zeros(0)])
    return sparse.csr_array((data, indices, indptr), shape=(len(rows), n_documents))


def correlations(features: Iterable[Feature], targets: Targets) -> Differences:
    """Correlate each feature with the value at equal length, [feature, 1].

    The effect is Spearman's partial rank correlation given the number of tokens, over the documents that have the
    feature; 0 if one of the two does not vary, NaN with fewer than five documents. The variance of its Fisher transform
    is (1 + rho^2 / 2) / (n - 4), n divided by the design effect of documents of one input row.

    Source: Spearman 1904; Yule 1907; Bonett & Wright 2000, Sample size requirements for estimating Pearson, Kendall and
    Spearman correlations (with one document less for the length).
    """
    found = [_correlated(feature, targets) for feature in features]
    n = np.array([of.n for of in found], np.int64)[:, None]
    effect = np.array([of.rho for of in found], np.float64)[:, None]
    n_effective = np.array([of.n_effective for of in found], np.float64)[:, None]
    left = n_effective - N_ESTIMATED
    z = np.arctanh(np.clip(effect, -LARGEST, LARGEST))
    variance = (1 + effect**2 / 2) / np.maximum(left, 1)
    half = np.where(left > 0, stats.t_ppf((1 + LEVEL) / 2, np.maximum(left, 1)) * np.sqrt(variance), np.nan)
    shrunken, tested = np.full(effect.shape, np.nan), ~np.isnan(effect)
    shrunken[tested] = np.tanh(shrink_to_zero(z[tested], variance[tested]))
    none = np.full(effect.shape, np.nan)
    return Differences(n, np.zeros_like(n), none, none, effect, np.tanh(z - half), np.tanh(z + half), shrunken)


class Correlated(NamedTuple):
    """A partial rank correlation, its number of documents, and the number of independent ones they are worth."""

    rho: float
    n: int
    n_effective: float


def _correlated(feature: Feature, targets: Targets) -> Correlated:
    documents, n = feature.documents, len(feature.documents)
    if n < FEWEST_VALUES:
        return Correlated(np.nan, n, float(n))
    length = centred_ranks(targets.length[documents])
    x, y = (_residual(centred_ranks(values), length) for values in (feature.values, targets.value[documents]))
    spread = float(np.sqrt((x @ x) * (y @ y)))
    if spread == 0:
        return Correlated(0.0, n, float(n))
    rho = float(np.clip(x @ y / spread, -1, 1))
    return Correlated(rho, n, n / _design_effect(x / np.sqrt(x @ x), y / np.sqrt(y @ y), rho, targets.row[documents]))


def _residual(ranks: Floats, length: Floats) -> Floats:
    """Return what the ranks of the length leave of other ranks; zeros if that is no more than rounding."""
    squares = length @ length
    left = ranks - (ranks @ length) / squares * length if squares > 0 else ranks
    return left if float(left @ left) > ROUNDING * max(float(ranks @ ranks), 1.0) else np.zeros_like(ranks)


def _design_effect(x: Floats, y: Floats, rho: float, rows: Integers) -> float:
    """How many times the variance of a correlation is that of as many independent documents, at least 1.

    The influence of a document on the correlation of x and y, both of length 1, is x y - rho (x^2 + y^2) / 2; those of
    one input row are added.

    Source: Hampel et al. 1986, Robust Statistics (influence of the correlation); Kish 1965.
    """
    distinct, place = np.unique(rows, return_inverse=True)
    influence = x * y - rho * (x**2 + y**2) / 2
    alone = float(influence @ influence)
    if len(distinct) == len(rows) or alone == 0:
        return 1.0
    of_rows = np.bincount(place, weights=influence)
    together = float(of_rows @ of_rows) * len(distinct) / max(len(distinct) - 1, 1)
    return max(1.0, together / alone)


class UseOfTerms(NamedTuple):
    """The share of each term in the terms of a document, as ranks over all documents with a value.

    Documents without the term share the lowest rank.

    Attributes:
        ranks: Rank minus that of the documents without the term, for those with it, [term, document].
        squares: Sum over documents of squared ranks minus their mean, [term].
    """

    ranks: sparse.csr_array
    squares: Floats

    @classmethod
    def of(cls, shares: Iterable[Feature], n_known: int, n_documents: int) -> Self:
        """Rank the shares of each term among the known documents that have it, above all others."""
        rows, squares = [], []
        for feature in shares:
            n_without = n_known - len(feature.documents)
            # Those without have the ranks 1 .. n_without, on average (n_without + 1) / 2.
            above = stats.rankdata(feature.values) + n_without - (n_without + 1) / 2
            below_mean = (n_without - n_known) / 2
            rows.append(Feature(feature.documents, above))
            squares.append(float(((above + below_mean) ** 2).sum()) + n_without * below_mean**2)
        return cls(_sparse(rows, n_documents), np.array(squares, np.float64))

    def statistic(self, weights: Floats, nanoseconds_of_rank: float) -> RankSums:
        """Return the statistic of the permutation test: Spearman's rank correlation with the value.

        The ranks of the value add up to 0, so that the common rank of the documents without a term adds nothing.
        """
        return RankSums(self.ranks, np.sqrt(self.squares * (weights @ weights)), nanoseconds_of_rank)

    def correlations(self, weights: Floats, length: Floats) -> Floats:
        """Return partial rank correlations with the value given the length, [term]; 0 if one does not vary.

        Args:
            weights: Ranks of the value minus their mean, 0 without one, [document].
            length: Ranks of the length minus their mean among the documents with a value, 0 elsewhere, [document].
        """
        with_value, with_length = (
            _divided(self.ranks @ ranks, np.sqrt(self.squares * (ranks @ ranks))) for ranks in (weights, length)
        )
        of_length = float(_divided(np.array(weights @ length), np.sqrt((weights @ weights) * (length @ length))))
        left = (1 - with_length**2) * (1 - of_length**2)
        partial = _divided(with_value - with_length * of_length, np.sqrt(np.where(left > ROUNDING, left, 0.0)))
        return np.clip(partial, -1, 1)


def in_halves(ranks: Floats, value: Floats, length: Floats, halves: Floats) -> Floats:
    """Return partial rank correlations in some halves of the documents; ranks are those among all documents.

    Args:
        ranks: Of each head, [head, document].
        value: [document].
        length: [document].
        halves: 1 for a document in the half, else 0, [document, half].

    Returns:
        [head, half].
    """
    n = halves.sum(axis=0)
    means = (ranks @ halves) / n, (value @ halves) / n, (length @ halves) / n
    x2 = ranks**2 @ halves - n * means[0] ** 2
    y2, n2 = value**2 @ halves - n * means[1] ** 2, length**2 @ halves - n * means[2] ** 2
    xy = ranks @ (halves * value[:, None]) - n * means[0] * means[1]
    xn = ranks @ (halves * length[:, None]) - n * means[0] * means[2]
    yn = (value * length) @ halves - n * means[1] * means[2]
    r_xy, r_xn, r_yn = (
        _divided(both, np.sqrt(np.maximum(a * b, 0.0))) for both, a, b in ((xy, x2, y2), (xn, x2, n2), (yn, y2, n2))
    )
    left = np.maximum((1 - r_xn**2) * (1 - r_yn**2), 0.0)
    return _divided(r_xy - r_xn * r_yn, np.sqrt(np.where(left > ROUNDING, left, 0.0)))


def detectable_correlation(n: int) -> float:
    """Return the rank correlation that a single test at p < 0.05, two-sided, finds in 80 % of samples.

    Args:
        n: Independent units (input rows, or documents).
    """
    needed = stats.norm_isf(SIGNIFICANT / 2) + stats.norm_ppf(POWER)
    return float(np.tanh(needed / np.sqrt(max(n - N_ESTIMATED, 1))))


def centred_ranks(values: NDArray[np.generic]) -> Floats:
    """Return mid-ranks minus their mean."""
    ranks: Floats = stats.rankdata(values) - (len(values) + 1) / 2
    return ranks


def among(features: Iterable[Feature], known: NDArray[np.bool_]) -> Iterator[Feature]:
    """Leave out the documents without a value to correlate with."""
    for feature in features:
        chosen = known[feature.documents]
        yield Feature(feature.documents[chosen], feature.values[chosen])


def _divided(parts: Floats, wholes: Floats) -> Floats:
    divided: Floats = np.where(wholes > 0, parts / np.where(wholes > 0, wholes, 1.0), 0.0)
    return divided
