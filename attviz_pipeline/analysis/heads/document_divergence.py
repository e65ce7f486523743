"""Mean Jensen-Shannon divergence between heads over a sample of documents, observed and permuted."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis import exact_sums
from attviz_pipeline.analysis.batches import iter_batches
from attviz_pipeline.analysis.heads.divergence import jensen_shannon, token_distributions
from attviz_pipeline.analysis.heads.variation import HeadVariation, measure_variation
from attviz_pipeline.analysis.terms.occurrences import window_lengths
from attviz_pipeline.artifacts import attention_schemas, files
from attviz_pipeline.progress import track

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]
# Permutations are computed in groups that fit into a core's cache.
VALUES_AT_ONCE = 2**17


class SampledDocument(NamedTuple):
    """One document without its special tokens.

    Attributes:
        position: Position in the study.
        attention: Self-attention, [head, token].
        n_tokens: Tokens of each token's window, special ones included, [token].
    """

    position: int
    attention: Floats
    n_tokens: Floats


class DocumentDivergence(NamedTuple):
    """Distances between heads: square roots of the mean divergence over documents.

    Attributes:
        distance: [pair], 0..1.
        draws: The distance after each permutation, [permutation, pair].
        n_documents: Documents in the mean: documents of the sample with at least two tokens.
        variation: How much the heads vary in these documents.
    """

    distance: Floats
    draws: Floats
    n_documents: int
    variation: HeadVariation


class DivergenceSums:
    """Exact sums of divergences, which do not depend on the order of the documents."""

    def __init__(self, n_heads: int, n_permutations: int, seed: int) -> None:
        """Start with no document."""
        n_pairs = n_heads * (n_heads - 1) // 2
        self._n_heads, self._n_permutations, self._seed = n_heads, n_permutations, seed
        self._variation: dict[int, tuple[Floats, Floats]] = {}
        self._observed = np.zeros((exact_sums.SUM_LIMBS, n_pairs), np.int64)
        self._permuted = np.zeros((exact_sums.SUM_LIMBS, n_permutations, n_pairs), np.int64)
        self.n_documents = 0

    def add(self, document: SampledDocument) -> None:
        """Add one document, observed and with the tokens permuted independently in every head."""
        distributions = token_distributions(document.attention)
        # Seeded by the document's position, so that its permutations do not depend on the sharding.
        random = np.random.default_rng([self._seed, document.position])
        self._observed += exact_sums.to_limbs(jensen_shannon(distributions), exact_sums.SUM_LIMBS)
        n_at_once = max(1, VALUES_AT_ONCE // distributions.size)
        for start in range(0, self._n_permutations, n_at_once):
            draws = slice(start, min(start + n_at_once, self._n_permutations))
            copies = np.broadcast_to(distributions, (draws.stop - start, *distributions.shape))
            divergences = jensen_shannon(random.permuted(copies, axis=2))
            self._permuted[:, draws] += exact_sums.to_limbs(divergences, exact_sums.SUM_LIMBS)
        self._variation[document.position] = measure_variation(document.attention, document.n_tokens)
        self.n_documents += 1

    def result(self) -> DocumentDivergence:
        """Return the distances; all are 0 if there is no document."""
        n = np.array(self.n_documents)
        observed, permuted = (np.sqrt(exact_sums.mean(sums, n)) for sums in (self._observed, self._permuted))
        variation = HeadVariation.of(self._variation, self._n_heads)
        return DocumentDivergence(observed, permuted, self.n_documents, variation)


def measure_divergence(
    attention: Sequence[Path], n_heads: int, *, n_documents: int, n_permutations: int, seed: int
) -> DocumentDivergence:
    """Compute the distances between heads over a sample of documents.

    Args:
        attention: Artifacts `attention` of all shards.
        n_heads: Number of heads of all layers.
        n_documents: Size of the sample, which is drawn from the documents of all shards.
        n_permutations: Number of permutations of the tokens of each document.
        seed: Seed of the sample and the permutations.

    Raises:
        ArtifactError: A shard is unusable.
    """
    chosen = sample_positions(attention, n_documents, seed)
    sums = DivergenceSums(n_heads, n_permutations, seed)
    label = "compare_heads: divergence"
    for document in track(_documents(attention, chosen), total=len(chosen), label=label, unit="documents"):
        # With a single token the distributions of all heads are equal.
        if document.attention.shape[1] > 1:
            sums.add(document)
            _warn_of_zero_attention(document)
    return sums.result()


def sample_positions(attention: Sequence[Path], n_documents: int, seed: int) -> NDArray[np.int64]:
    """Draw the positions of `n_documents` documents, ascending; all positions if there are no more documents."""
    positions = np.sort(files.concatenate(attention, attention_schemas.ATTENTION, ["position"])["position"].to_numpy())
    if len(positions) <= n_documents:
        return positions
    chosen: NDArray[np.int64] = np.random.default_rng(seed).choice(positions, n_documents, replace=False)
    return np.sort(chosen)


def _documents(attention: Sequence[Path], chosen: NDArray[np.int64]) -> Iterator[SampledDocument]:
    for path in attention:
        for batch in iter_batches(path, ["position", "windows"]):
            positions = batch.documents["position"].to_numpy()
            n_tokens = window_lengths(path, batch).astype(np.float64)
            for row in np.flatnonzero(np.isin(positions, chosen)):
                own = (batch.document == row) & ~batch.special
                values = batch.values[own].T.astype(np.float64, order="C")
                yield SampledDocument(int(positions[row]), values, n_tokens[own])


def _warn_of_zero_attention(document: SampledDocument) -> None:
    n_heads = int((document.attention.sum(axis=1) == 0).sum())
    if n_heads:
        message = "document at position %d: %d heads have no self-attention at all; treated as uniform over its tokens"
        log.warning(message, document.position, n_heads)
