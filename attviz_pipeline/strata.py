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


def divide_sets(sets: Sequence[Sequence[int]], shares: Sequence[float]) -> list[int]:
    """Divide items with several labels each, so that every label is divided in proportion.

    Source: Sechidis, Tsoumakas and Vlahavas (2011), iterative stratification. The label with the fewest items that are
    still to be divided comes first; each of its items goes to the part that lacks most items of the label, then to the
    part that lacks most items.

    Args:
        sets: Labels of every item, in random order.
        shares: Non-negative shares of the parts.

    Returns:
        The part of each item, [item]. Each label is in every part with a share, where its items are enough and no rarer
        label decided otherwise.
    """
    waiting: dict[int, dict[int, None]] = {}
    for item, labels in enumerate(sets):
        for label in labels:
            waiting.setdefault(label, {})[item] = None
    lacking = {label: apportion(len(items), shares) for label, items in waiting.items()}
    lacking_items = apportion(len(sets), shares)
    parts = [-1] * len(sets)

    def put(item: int, wanted: Sequence[int]) -> None:
        allowed = [part for part, share in enumerate(shares) if share > 0]
        parts[item] = part = max(allowed, key=lambda part: (wanted[part], lacking_items[part], -part))
        lacking_items[part] -= 1
        for label in sets[item]:
            lacking[label][part] -= 1
            del waiting[label][item]

    while rest := {label: items for label, items in waiting.items() if items}:
        rarest = min(rest, key=lambda label: (len(rest[label]), label))
        for item in list(rest[rarest]):
            put(item, lacking[rarest])
    for item in [item for item, part in enumerate(parts) if part < 0]:
        put(item, lacking_items)
    return parts


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


def in_order_of_ranks(ranks: bytes) -> NDArray[np.int64]:
    """Return rows in the order of their ranks, for millions of them, [row].

    Args:
        ranks: What `seeded_rank` returns of each row, one after the other: 16 bytes each.
    """
    halves = np.frombuffer(ranks, ">u8").reshape(-1, 2)
    return np.lexsort((halves[:, 1], halves[:, 0]))


def in_turn(strata: NDArray[np.int64], ordered: NDArray[np.int64]) -> NDArray[np.int64]:
    """Order rows as `round_robin` does, for millions of them, [row].

    Args:
        strata: Stratum of each row, [row].
        ordered: All rows in the order of their ranks, as returned by `in_order_of_ranks`, [row].
    """
    by_stratum = ordered[np.argsort(strata[ordered], kind="stable")]
    grouped = strata[by_stratum]
    firsts = np.flatnonzero(np.diff(grouped, prepend=grouped[:1] - 1))
    rounds, places = np.empty_like(ordered), np.empty_like(ordered)
    rounds[by_stratum] = np.arange(len(grouped)) - np.repeat(firsts, np.diff(firsts, append=len(grouped)))
    places[ordered] = np.arange(len(ordered))
    return np.lexsort((places, rounds))


def length_thirds(n_tokens: NDArray[Any]) -> list[int]:
    """Divide documents by length into equal thirds: 0 (short), 1 (middle) or 2 (long), [document]."""
    ranks = np.argsort(np.argsort(n_tokens, kind="stable"), kind="stable")
    thirds: list[int] = (ranks * N_LENGTHS // len(ranks)).tolist()
    return thirds
