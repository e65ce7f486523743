"""Heads of two models of any layout, matched one to one by the terms that they attend to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from attviz_pipeline.analysis.inference import benjamini_hochberg
from attviz_pipeline.models_compared.model import Model
from attviz_pipeline.models_compared.terms import standard_ranks
from attviz_pipeline.models_compared.words import SharedTerms

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Columns = dict[str, Any]

N_PERMUTATIONS = 200
LEVEL = 0.95


@dataclass(frozen=True)
class Matched:
    """Pairs of heads, and what chance gives.

    Attributes:
        own: Row of the own model's head, ascending, [pair].
        other: Row of the other model's head, [pair].
        correlation: Spearman's correlation over shared terms, [pair].
        mean: Its mean over pairs; NaN without a pair.
        by_chance: The same mean after the other model's terms are permuted, [permutation].
    """

    own: Rows
    other: Rows
    correlation: Floats
    mean: float
    by_chance: Floats

    @property
    def p(self) -> float:
        """Share of permutations whose mean is at least as high, the observed one counted as one more; NaN without."""
        if not len(self.by_chance):
            return np.nan
        return float((np.sum(self.by_chance >= self.mean) + 1) / (len(self.by_chance) + 1))

    @property
    def chance_mean(self) -> float:
        """Mean over permutations; NaN without."""
        return float(self.by_chance.mean()) if len(self.by_chance) else np.nan

    @property
    def chance_high(self) -> float:
        """95th percentile over permutations; NaN without."""
        return float(np.quantile(self.by_chance, LEVEL)) if len(self.by_chance) else np.nan


def match_heads(shared: SharedTerms, seed: int) -> Matched:
    """Match heads one to one, so that the sum of their correlations over shared terms is the largest.

    Of the model with more heads, some are left over; so are heads that treat all terms alike. Chance is the same
    matching after the terms of the other model are permuted: it, too, picks the best partner of many.

    Args:
        shared: Shared terms.
        seed: Of the 200 permutations.

    Source: Kuhn 1955, The Hungarian method (the assignment); Li et al. 2015, Convergent learning (matched units of two
    networks); Phipson and Smyth 2010 (the observed one counted as one more).
    """
    ranks = [standard_ranks(values) for values in shared]
    own, other = (np.flatnonzero(~np.isnan(one).any(axis=1)) for one in ranks)
    if not len(own) or not len(other):
        return Matched(own[:0], other[:0], np.zeros(0), np.nan, np.zeros(0))
    mine, theirs = ranks[0][own], ranks[1][other]
    rows, columns, correlation = _match(mine, theirs)
    random = np.random.default_rng(seed)
    by_chance = [_match(mine, theirs[:, random.permutation(shared.n)])[2].mean() for _ in range(N_PERMUTATIONS)]
    return Matched(own[rows], other[columns], correlation, float(correlation.mean()), np.array(by_chance))


def _match(own: Floats, other: Floats) -> tuple[Rows, Rows, Floats]:
    found = np.clip(own @ other.T, -1, 1)
    rows, columns = linear_sum_assignment(found, maximize=True)
    return rows, columns, found[rows, columns]


def compare_words(own: Model, others: Sequence[Model], seed: int) -> tuple[list[Columns], list[Columns]]:
    """Return the rows of `model_words`, and of `matched_heads` for models of another layout.

    Args:
        own: The study's own model.
        others: The others.
        seed: Of random halves and permutations.
    """
    shared = {one.name: SharedTerms.of(own.terms, one.terms) for one in others}
    matched = {one.name: None if own.has_layout_of(one) else match_heads(shared[one.name], seed) for one in others}
    tested = [one for one in matched.values() if one is not None]
    q = iter(benjamini_hochberg(np.array([one.p for one in tested])).tolist())
    words = [
        {
            "model": name,
            "n_terms": shared[name].n,
            "correlation": shared[name].correlation(),
            "halves_correlation": shared[name].correlation_of_halves(seed),
            **(_summary(one, next(q)) if one is not None else _UNMATCHED),
        }
        for name, one in matched.items()
    ]
    pairs = [
        pair for other in others if (found := matched[other.name]) is not None for pair in _pairs(found, own, other)
    ]
    return words, pairs


_UNMATCHED: Columns = dict.fromkeys(
    ["n_matched", "matched_mean", "matched_by_chance", "matched_by_chance_high", "matched_p", "matched_q"]
)


def _summary(one: Matched, q: float) -> Columns:
    return {
        "n_matched": len(one.correlation),
        "matched_mean": one.mean,
        "matched_by_chance": one.chance_mean,
        "matched_by_chance_high": one.chance_high,
        "matched_p": one.p,
        "matched_q": q,
    }


def _pairs(found: Matched, own: Model, other: Model) -> Iterator[Columns]:
    for first, second, correlation in zip(found.own, found.other, found.correlation, strict=True):
        layer, head = divmod(int(first), own.n_heads)
        other_layer, other_head = divmod(int(second), other.n_heads)
        yield {
            "model": other.name,
            "layer": layer,
            "head": head,
            "other_layer": other_layer,
            "other_head": other_head,
            "correlation": float(correlation),
        }
