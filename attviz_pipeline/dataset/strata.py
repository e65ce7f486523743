"""Drawing from classes in proportion, the same way on every machine."""

import hashlib
from collections.abc import Sequence


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
