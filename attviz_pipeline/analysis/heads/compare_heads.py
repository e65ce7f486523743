"""The stage `compare_heads`: which heads attend alike, beyond chance, and how they group."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import squareform

from attviz_pipeline.analysis.heads import tables
from attviz_pipeline.analysis.heads.clusters import cluster_heads, map_heads
from attviz_pipeline.analysis.heads.document_divergence import DocumentDivergence, measure_divergence
from attviz_pipeline.analysis.heads.numbering import read_heads
from attviz_pipeline.analysis.heads.permutation import Comparison, compare_with_chance
from attviz_pipeline.analysis.heads.rankings import RankingComparison, compare_rankings
from attviz_pipeline.analysis.heads.tables import Measured
from attviz_pipeline.analysis.heads.token_scores import TokenScores, read_token_scores
from attviz_pipeline.artifacts.layout import ComparisonPaths
from attviz_pipeline.stages import CompareHeads

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]


def compare_heads(
    settings: CompareHeads, head_tokens: Path, attention: Sequence[Path], statistics: ComparisonPaths
) -> None:
    """Compare every pair of heads by FUJI and by Jensen-Shannon distance, each against chance; cluster and map them.

    A measure that nothing can be said about (no token is frequent enough, no sampled document has two tokens) has no
    rows, and a warning says so. A single head has no pairs and is a group of its own.

    Args:
        settings: Least document frequency, size of the sample, number of permutations, seed.
        head_tokens: Artifact `head_tokens`, read.
        attention: Artifacts `attention` of all shards, read.
        statistics: Where the tables go. They do not depend on how the documents were sharded.

    Raises:
        ArtifactError: A file is unusable, or the shards are of different models.
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
    measured = [*_measured_rankings(ranked), *_measured_divergence(divergence)]
    facts = {
        **heads._asdict(),
        **chosen.model_dump(),
        "seed": settings.seed,
        "n_documents": divergence.n_documents,
        "n_tokens": len(tokens.document_frequency),
    }
    tables.write_pairs(statistics.head_pairs, heads, measured, facts)
    tables.write_clusters(statistics.head_clusters, heads, measured, facts)
    tables.write_curves(statistics.fuji_curves, heads, ranked.curves if ranked else [], facts)


def _compare_rankings(tokens: TokenScores, settings: CompareHeads) -> RankingComparison | None:
    if not len(tokens.document_frequency):
        log.warning(
            "no token occurs in %d documents (comparison.min_document_frequency): FUJI is left out",
            settings.comparison.min_document_frequency,
        )
        return None
    return compare_rankings(tokens, n_permutations=settings.comparison.n_permutations, seed=settings.seed)


def _measured_rankings(ranked: RankingComparison | None) -> list[Measured]:
    if ranked is None:
        return []
    comparison = compare_with_chance(ranked.area, ranked.draws, high_is_alike=True)
    return [_measured("fuji", comparison, 1 - ranked.area)]


def _measured_divergence(divergence: DocumentDivergence) -> list[Measured]:
    if not divergence.n_documents:
        log.warning("no sampled document has two tokens: heads are not compared by Jensen-Shannon distance")
        return []
    comparison = compare_with_chance(divergence.distance, divergence.draws, high_is_alike=False)
    return [_measured("jensen_shannon", comparison, divergence.distance)]


def _measured(measure: str, comparison: Comparison, distance: Floats) -> Measured:
    square = squareform(distance)
    return Measured(measure, comparison, cluster_heads(square), map_heads(square))
