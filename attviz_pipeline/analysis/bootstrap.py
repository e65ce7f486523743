"""A bootstrap over documents that depends neither on their order nor on the sharding.

Each document has a weight per replicate from Poisson(1), the limit distribution of how often a document is drawn when
documents are resampled. The weight is a hash of seed, document and replicate, so it is the same in every shard, and
sums of integers times integer weights are the same for any sharding.

Source: Hanley & MacGibbon 2006, Creating non-parametric bootstrap samples using Poisson frequencies.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline import stats

Hashes = NDArray[np.uint64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MOST_DRAWS = 12
"""Largest weight; larger ones, with a total probability of 6e-11, are replaced by it."""


def document_keys(seed: int, identifiers: Sequence[str]) -> Hashes:
    """Return a hash per document that depends only on the seed and the identifier, [document]."""
    digests = [hashlib.blake2b(f"{seed}\0{name}".encode(), digest_size=8).digest() for name in identifiers]
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def sampling_order(keys: Hashes) -> Hashes:
    """Return a number per document, [document]; those with the smallest are a random sample.

    It is independent of the weights, because it is the number before that of the first replicate.

    Args:
        keys: As returned by `document_keys`, [document].
    """
    return _mix(keys)


def poisson_weights(keys: Hashes, replicates: range) -> NDArray[np.int64]:
    """Return how often each document is drawn in each replicate, [document, replicate].

    Args:
        keys: As returned by `document_keys`, [document].
        replicates: Numbers of the replicates.
    """
    steps = np.arange(replicates.start + 1, replicates.stop + 1, dtype=np.uint64) * GOLDEN
    uniform = _mix(keys[:, None] + steps)
    # The Poisson distribution function in units of 2^-64: comparisons of integers are exact.
    bounds = np.array([int(share * 2**64) for share in stats.poisson_cdf(np.arange(MOST_DRAWS), 1)], np.uint64)
    return np.searchsorted(bounds, uniform, side="right").astype(np.int64)


def _mix(state: Hashes) -> Hashes:
    """Finish one step of the generator SplitMix64 (Steele, Lea & Flood 2014)."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
