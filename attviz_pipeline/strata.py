"""Drawing from classes in proportion, the same way on every machine."""

import hashlib
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

N_LENGTHS = 3


def apportion(total: int, weights: Sequence[float]) -> list[int]:
    """Divide `total` things in proportion to weights, by largest remainder.

    Every weight above 0 gets at least one, as long as `total` is enough for that.

    Args:
        total: How many there are to divide.
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
    """Return a sort key that shuffles: pseudo-random, yet the same for the same seed and key.

    Unlike a random generator's stream it depends neither on a library's version nor on the other rows, so a corpus that
    grows keeps most of its split.
    """
    return hashlib.blake2b(key, digest_size=16, key=seed.to_bytes(8, "big")).digest()


def in_turn(rows: Iterable[int], strata: Sequence[Hashable], ranks: Sequence[bytes]) -> list[int]:
    """Order rows by their ranks, but so that no stratum has its next turn before each has had its last.

    Args:
        rows: Rows to order.
        strata: Stratum of every row, also of those that are not asked for.
        ranks: Sort key of every row, as `seeded_rank` gives them.
    """
    n_turns: Counter[Hashable] = Counter()
    turns = {}
    for row in sorted(rows, key=lambda row: ranks[row]):
        turns[row] = n_turns[strata[row]]
        n_turns[strata[row]] += 1
    return sorted(turns, key=lambda row: (turns[row], ranks[row]))


def length_thirds(n_tokens: NDArray[Any]) -> list[int]:
    """Tell short, middle and long documents apart, a third each: 0, 1 or 2, [document]."""
    ranks = np.argsort(np.argsort(n_tokens, kind="stable"), kind="stable")
    thirds: list[int] = (ranks * N_LENGTHS // len(ranks)).tolist()
    return thirds
