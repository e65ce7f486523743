"""Similarity of the heads' token rankings by mean self-attention, observed and permuted."""

import logging
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis.heads.fuji import RankedLists, list_lengths
from attviz_pipeline.analysis.heads.permutation import frequency_strata, permute_within
from attviz_pipeline.analysis.heads.token_scores import TokenScores
from attviz_pipeline.progress import track

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]

SECONDS_PER_VALUE = 1.5e-8
"""Measured on one core of an AMD EPYC, to estimate the time beforehand."""


class PairCurve(NamedTuple):
    """The FUJI curve of one pair of heads.

    Attributes:
        kind: `nearest` for the most similar pair, `furthest` for the least similar pair.
        pair: Index of the pair in the order of `numpy.triu_indices(n_heads, 1)`.
        lengths: List lengths, [length].
        curve: FUJI at each length, [length], 0..1.
        draws: The curve after each permutation, [permutation, length].
    """

    kind: str
    pair: int
    lengths: NDArray[np.int64]
    curve: Floats
    draws: Floats


class RankingComparison(NamedTuple):
    """FUJI between heads.

    Attributes:
        area: Area under the curve, [pair], 0..1.
        draws: The area after each permutation, [permutation, pair].
        curves: Curves of the pairs with the largest and the smallest area; one curve for a single pair.
    """

    area: Floats
    draws: Floats
    curves: list[PairCurve]


def compare_rankings(tokens: TokenScores, *, n_permutations: int, seed: int) -> RankingComparison:
    """Compute FUJI between every pair of heads, observed and permuted.

    Each permutation moves the scores of every head among tokens of similar document frequency, independently for each
    head, so that every pair is permuted.

    Args:
        tokens: Scores of at least one token.
        n_permutations: Number of permutations.
        seed: Seed of the permutations.
    """
    n_tokens = tokens.scores.shape[1]
    lists = RankedLists.of(tokens.scores, list_lengths(n_tokens))
    strata = frequency_strata(tokens.document_frequency)
    random = np.random.default_rng(seed)
    areas = lists.areas()
    kinds = _extremes(areas)
    pairs = np.transpose(np.triu_indices(lists.n_heads, 1))[list(kinds.values())]
    message = "FUJI: %d permutations of %d pairs of heads over %d tokens, about %.0f s"
    n_values = n_permutations * len(areas) * (n_tokens + 2 * len(lists.lengths))
    log.info(message, n_permutations, len(areas), n_tokens, n_values * SECONDS_PER_VALUE)
    draws = np.empty((n_permutations, len(areas)))
    curves = np.empty((len(kinds), n_permutations, len(lists.lengths)))
    for draw in track(range(n_permutations), total=n_permutations, label="compare_heads: FUJI", unit="permutations"):
        permuted = lists.permuted(lambda: permute_within(strata, random))
        draws[draw] = permuted.areas()
        for place, pair in enumerate(pairs):
            curves[place, draw] = _curve(permuted, pair)
    found = [
        PairCurve(kind, pair, lists.lengths, _curve(lists, heads), of_draws)
        for (kind, pair), heads, of_draws in zip(kinds.items(), pairs, curves, strict=True)
    ]
    return RankingComparison(areas, draws, found)


def _curve(lists: RankedLists, pair: NDArray[np.int64]) -> Floats:
    one, other = pair.tolist()
    (values,) = lists.curves(one, slice(other, other + 1))
    return np.asarray(values)


def _extremes(areas: Floats) -> dict[str, int]:
    found = {"nearest": areas.argmax(), "furthest": areas.argmin()} if len(areas) else {}
    # A single pair has one curve.
    return {kind: int(pair) for kind, pair in list(found.items())[: len(areas)]}
