"""Stratified sampling that gives the same result on every machine."""

import hashlib
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

N_LENGTHS = 3


def apportion(total: int, weights: Sequence[float]) -> list[int]:
    """Divide `total` items in proportion to weights, by the largest-remainder method.

    Every weight above 0 gets at least one item if `total` is large enough.

    Args:
        total: Number of items.
        weights: Non-negative shares; they need not sum to 1.

    Returns:
        Counts that sum to `total`.
    """
    quotas = [total * weight / sum(weights) for weight in weights]
    counts = [int(quota) for quota in quotas]
    by_remainder = sorted(range(len(weights)), key=lambda i: (counts[i] - quotas[i], i))
    for i in by_remainder[: total - sum(counts)]:
        counts[i] += 1
    if total >= sum(weight > 0 for weight in weights):
        for i, weight in enumerate(weights):
            if weight > 0 and counts[i] == 0:
                counts[counts.index(max(counts))] -= 1
                counts[i] = 1
    return counts


def seeded_rank(seed: int, key: bytes) -> bytes:
    """Return a pseudo-random sort key that depends on the seed and `key` only; sorting by it shuffles.

    Unlike the numbers of a random generator it depends neither on a library's version nor on the other rows, so a
    corpus that grows keeps most of its split.
    """
    return hashlib.blake2b(key, digest_size=16, key=seed.to_bytes(8, "big")).digest()


def round_robin(rows: Iterable[int], strata: Sequence[Hashable], ranks: Sequence[bytes]) -> list[int]:
    """Order rows in rounds: each round takes the next row of every stratum; rows of a round are sorted by rank.

    Args:
        rows: Rows to order.
        strata: Stratum of every row of the corpus, including rows that are not in `rows`.
        ranks: Sort key of every row of the corpus, as returned by `seeded_rank`.
    """
    n_rounds: Counter[Hashable] = Counter()
    rounds = {}
    for row in sorted(rows, key=lambda row: ranks[row]):
        rounds[row] = n_rounds[strata[row]]
        n_rounds[strata[row]] += 1
    return sorted(rounds, key=lambda row: (rounds[row], ranks[row]))


def length_thirds(n_tokens: NDArray[Any]) -> list[int]:
    """Divide documents by length into equal thirds: 0 (short), 1 (middle) or 2 (long), [document]."""
    ranks = np.argsort(np.argsort(n_tokens, kind="stable"), kind="stable")
    thirds: list[int] = (ranks * N_LENGTHS // len(ranks)).tolist()
    return thirds
