"""Mean Jensen-Shannon divergence between heads over a sample of documents, as seen and after permutations."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis import exact_sums
from attviz_pipeline.analysis.batches import iter_batches
from attviz_pipeline.analysis.heads.divergence import jensen_shannon, token_distributions
from attviz_pipeline.artifacts import attention_schemas, files
from attviz_pipeline.progress import track

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]
# Permutations are worked on as many at a time as stay in a core's cache.
VALUES_AT_ONCE = 2**17


class SampledDocument(NamedTuple):
    """One document: its place in the study, and the self-attention of its tokens but special ones, [head, token]."""

    position: int
    attention: Floats


class DocumentDivergence(NamedTuple):
    """Square roots of the means over documents of the divergence between heads.

    Attributes:
        distance: [pair], 0..1.
        draws: The same after each permutation, [permutation, pair].
        n_documents: Documents in the mean: those of the sample with at least two tokens.
    """

    distance: Floats
    draws: Floats
    n_documents: int


class DivergenceSums:
    """Exact sums of divergences, which do not depend on the order in which documents come."""

    def __init__(self, n_heads: int, n_permutations: int, seed: int) -> None:
        """Start with no document."""
        n_pairs = n_heads * (n_heads - 1) // 2
        self._n_permutations, self._seed = n_permutations, seed
        self._seen = np.zeros((exact_sums.SUM_LIMBS, n_pairs), np.int64)
        self._permuted = np.zeros((exact_sums.SUM_LIMBS, n_permutations, n_pairs), np.int64)
        self.n_documents = 0

    def add(self, document: SampledDocument) -> None:
        """Add one document, and as many permutations of its tokens in every head."""
        distributions = token_distributions(document.attention)
        # Of the document's own: whichever shard it lies in, its tokens are permuted alike.
        random = np.random.default_rng([self._seed, document.position])
        self._seen += exact_sums.to_limbs(jensen_shannon(distributions), exact_sums.SUM_LIMBS)
        n_at_once = max(1, VALUES_AT_ONCE // distributions.size)
        for start in range(0, self._n_permutations, n_at_once):
            draws = slice(start, min(start + n_at_once, self._n_permutations))
            copies = np.broadcast_to(distributions, (draws.stop - start, *distributions.shape))
            divergences = jensen_shannon(random.permuted(copies, axis=2))
            self._permuted[:, draws] += exact_sums.to_limbs(divergences, exact_sums.SUM_LIMBS)
        self.n_documents += 1

    def result(self) -> DocumentDivergence:
        """Return the distances that the sums stand for; all are 0 without a document."""
        n = np.array(self.n_documents)
        seen, permuted = (np.sqrt(exact_sums.mean(sums, n)) for sums in (self._seen, self._permuted))
        return DocumentDivergence(seen, permuted, self.n_documents)


def measure_divergence(
    attention: Sequence[Path], n_heads: int, *, n_documents: int, n_permutations: int, seed: int
) -> DocumentDivergence:
    """Compare how heads spread self-attention over the tokens of a sample of documents.

    Args:
        attention: Artifacts `attention` of all shards.
        n_heads: Heads of all layers together.
        n_documents: Size of the sample, drawn from all documents, whichever shards they lie in.
        n_permutations: Permutations of the tokens of each document.
        seed: Of the sample and the permutations.

    Raises:
        ArtifactError: A shard is unusable.
    """
    chosen = sample_positions(attention, n_documents, seed)
    sums = DivergenceSums(n_heads, n_permutations, seed)
    label = "compare_heads: divergence"
    for document in track(_documents(attention, chosen), total=len(chosen), label=label, unit="documents"):
        # A single token takes all attention of every head and cannot tell them apart.
        if document.attention.shape[1] > 1:
            sums.add(document)
            _warn_of_silence(document)
    return sums.result()


def sample_positions(attention: Sequence[Path], n_documents: int, seed: int) -> NDArray[np.int64]:
    """Draw positions of documents, rising; all of them where there are no more than asked for."""
    positions = np.sort(files.concatenate(attention, attention_schemas.ATTENTION, ["position"])["position"].to_numpy())
    if len(positions) <= n_documents:
        return positions
    chosen: NDArray[np.int64] = np.random.default_rng(seed).choice(positions, n_documents, replace=False)
    return np.sort(chosen)


def _documents(attention: Sequence[Path], chosen: NDArray[np.int64]) -> Iterator[SampledDocument]:
    for path in attention:
        for batch in iter_batches(path, ["position"]):
            positions = batch.documents["position"].to_numpy()
            for row in np.flatnonzero(np.isin(positions, chosen)):
                own = (batch.document == row) & ~batch.special
                yield SampledDocument(int(positions[row]), batch.values[own].T.astype(np.float64, order="C"))


def _warn_of_silence(document: SampledDocument) -> None:
    n_silent = int((document.attention.sum(axis=1) == 0).sum())
    if n_silent:
        message = "document at position %d: %d heads have no self-attention at all, taken as even over its tokens"
        log.warning(message, document.position, n_silent)
