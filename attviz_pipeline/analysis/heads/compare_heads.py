"""The stage `compare_heads`: which heads are more similar than by chance, and their clusters."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import squareform

from attviz_pipeline.analysis.heads import tables
from attviz_pipeline.analysis.heads.clusters import compare_clusters, map_heads
from attviz_pipeline.analysis.heads.document_divergence import DocumentDivergence, measure_divergence
from attviz_pipeline.analysis.heads.numbering import read_heads
from attviz_pipeline.analysis.heads.permutation import NullComparison, compare_with_chance
from attviz_pipeline.analysis.heads.rankings import RankingComparison, compare_rankings
from attviz_pipeline.analysis.heads.tables import HeadSimilarity
from attviz_pipeline.analysis.heads.token_scores import TokenScores, read_token_scores
from attviz_pipeline.artifacts.layout import ComparisonPaths
from attviz_pipeline.stages import CompareHeads

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]


def compare_heads(
    settings: CompareHeads, head_tokens: Path, attention: Sequence[Path], statistics: ComparisonPaths
) -> None:
    """Compare every pair of heads by FUJI and by Jensen-Shannon distance, each against chance; cluster and map them.

    A measure that cannot be computed (no token is frequent enough, or no sampled document has two tokens) has no rows,
    with a warning. A single head has no pairs and is a cluster of its own.

    Args:
        settings: Minimum document frequency, sample size, number of permutations, seed.
        head_tokens: Artifact `head_tokens`, read.
        attention: Artifacts `attention` of all shards, read.
        statistics: Tables to write. They do not depend on the sharding of the documents.

    Raises:
        ArtifactError: A file is unusable, or the shards come from different models.
    """
    chosen = settings.comparison
    heads = read_heads(attention)
    tokens = read_token_scores(head_tokens, heads.n_rows, chosen.min_document_frequency)
    ranked = _compare_rankings(tokens, settings)
    divergence = measure_divergence(
        attention,
        heads.n_rows,
        n_documents=chosen.n_documents,
        n_permutations=chosen.n_permutations,
        seed=settings.seed,
    )
    constant = divergence.variation.constant
    if constant.any():
        message = "%d of %d heads give all tokens of a document nearly the same: their pairs are not tested"
        log.warning(message, constant.sum(), heads.n_rows)
    similarities = [
        *_ranking_similarity(ranked, constant, settings.seed),
        *_divergence_similarity(divergence, settings.seed),
    ]
    facts = {
        **heads._asdict(),
        **chosen.model_dump(),
        "seed": settings.seed,
        "n_documents": divergence.n_documents,
        "n_tokens": len(tokens.document_frequency),
        **divergence.variation.facts(),
    }
    tables.write_pairs(statistics.head_pairs, heads, similarities, facts)
    tables.write_clusters(statistics.head_clusters, heads, similarities, facts)
    tables.write_curves(statistics.fuji_curves, heads, ranked.curves if ranked else [], facts)


def _compare_rankings(tokens: TokenScores, settings: CompareHeads) -> RankingComparison | None:
    if not len(tokens.document_frequency):
        log.warning(
            "no token occurs in %d documents (comparison.min_document_frequency): FUJI is not computed",
            settings.comparison.min_document_frequency,
        )
        return None
    return compare_rankings(tokens, n_permutations=settings.comparison.n_permutations, seed=settings.seed)


def _ranking_similarity(
    ranked: RankingComparison | None, constant: NDArray[np.bool_], seed: int
) -> list[HeadSimilarity]:
    if ranked is None:
        return []
    tested = _varying_pairs(constant)
    comparison = compare_with_chance(ranked.area, ranked.draws, high_is_alike=True, tested=tested)
    return [_similarity("fuji", comparison, 1 - ranked.area, constant, seed, squared=True)]


def _divergence_similarity(divergence: DocumentDivergence, seed: int) -> list[HeadSimilarity]:
    if not divergence.n_documents:
        log.warning("no sampled document has two tokens: heads are not compared by Jensen-Shannon distance")
        return []
    constant = divergence.variation.constant
    tested = _varying_pairs(constant)
    comparison = compare_with_chance(divergence.distance, divergence.draws, high_is_alike=False, tested=tested)
    return [_similarity("jensen_shannon", comparison, divergence.distance, constant, seed, squared=False)]


def _varying_pairs(constant: NDArray[np.bool_]) -> NDArray[np.bool_]:
    first, second = np.triu_indices(len(constant), 1)
    return ~(constant[first] | constant[second])


def _similarity(  # noqa: PLR0913 - what the two measures differ in
    measure: str,
    comparison: NullComparison,
    distance: Floats,
    constant: NDArray[np.bool_],
    seed: int,
    *,
    squared: bool,
) -> HeadSimilarity:
    square = squareform(distance)
    groups = compare_clusters(square, constant, np.random.default_rng(seed), squared=squared)
    return HeadSimilarity(measure, comparison, groups, map_heads(square))
