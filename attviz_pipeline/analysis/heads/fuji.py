"""FUJI, the fuzzy Jaccard index of ranked lists: how alike two heads order the tokens.

Of a list of length i each head names its i strongest tokens. The ordinary Jaccard index counts the tokens that both
name. FUJI also gives a token that only one of them names the part of the other's threshold that it reaches:

    FUJI(i) = sum over tokens f of the union of min(1, s_1(f) / t_1, s_2(f) / t_2), divided by the size of the union,

where s are the scores and t_j is the i-th largest score of list j. At the full length every token is in the union and
reaches the threshold, so every curve ends at 1. The index of two lists is the area below the curve.

Where the definition leaves a choice:

- Ties: a list of length i holds all tokens that reach its threshold, so the order of equal scores does not matter.
  Without ties this is the published definition.
- A threshold of 0 is reached by every token; two lists without any score agree, FUJI = 1.
- One token: the curve is one point, 1, and so is the area.

Source: Petković, Škrlj, Kocev and Simidjievski 2020, "Fuzzy Jaccard Index: A robust comparison of ordered lists",
arXiv 2008.02216.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

VALUES_AT_ONCE = 2**16


class Fuji(NamedTuple):
    """FUJI of every pair of heads.

    Attributes:
        lengths: List lengths at which the curves were taken, rising, [length].
        curves: [head, head, length], 0..1.
        area: [head, head], 0..1; 1 on the diagonal.
    """

    lengths: Integers
    curves: Floats
    area: Floats


@dataclass(frozen=True)
class RankedLists:
    """The tokens of every head in order of their scores, cut at the same lengths.

    Attributes:
        lengths: List lengths, rising; the last is the number of tokens, [length].
        scores: [head, token], >= 0.
        places: Index of the shortest of `lengths` at which a head names a token, [head, token].
        thresholds: Lowest score that a head names at a length, [head, length].
        n_named: Tokens that a head names at a length, more than the length where the last ones tie, [head, length].
        unnamed: Sum of the scores of the tokens that a head does not name yet, [head, length].
    """

    lengths: Integers
    scores: Floats
    places: Integers
    thresholds: Floats
    n_named: Integers
    unnamed: Floats

    @classmethod
    def of(cls, scores: Floats, lengths: Integers) -> "RankedLists":
        """Rank the tokens of every head.

        Raises:
            ValueError: A score is negative or no number, there is no token, or the lengths do not rise up to
                the number of tokens.
        """
        _check(scores, lengths)
        falling = -np.sort(-scores, axis=1)
        # A token's rank is one more than the number of tokens above it, so that tied tokens share it.
        ranks = np.array(
            [1 + np.searchsorted(-row, -own, side="left") for row, own in zip(falling, scores, strict=True)]
        )
        places = np.searchsorted(lengths, ranks)
        n_named = _sum_at(places, None, len(lengths)).cumsum(axis=1)
        unnamed = _sum_behind(places, scores, len(lengths))
        return cls(lengths, scores, places, falling[:, lengths - 1], n_named, unnamed)

    @property
    def n_heads(self) -> int:
        """Number of heads."""
        return len(self.scores)

    def rearranged(self, arrangement: Callable[[], Integers]) -> "RankedLists":
        """Give the scores of every head to other tokens.

        Args:
            arrangement: Returns a permutation of the tokens, [token]; called once per head.
        """
        orders = np.array([arrangement() for _ in range(self.n_heads)])
        scores = np.take_along_axis(self.scores, orders, axis=1)
        places = np.take_along_axis(self.places, orders, axis=1)
        return RankedLists(self.lengths, scores, places, self.thresholds, self.n_named, self.unnamed)

    def curves(self, one: int, others: slice) -> Floats:
        """FUJI of one head with others at every length, [other, length], 0..1."""
        joined = np.minimum(self.places[one], self.places[others])
        n_union = _sum_at(joined, None, len(self.lengths)).cumsum(axis=1)
        n_both = self.n_named[one] + self.n_named[others] - n_union
        partial = self._reached(slice(one, one + 1), joined) + self._reached(others, joined)
        values: Floats = (n_both + partial) / n_union
        return values

    def areas(self) -> Floats:
        """Area below the curve of every pair of heads, [pair] in the order of `numpy.triu_indices(n_heads, 1)`."""
        blocks = [area(self.curves(one, others), self.lengths) for one, others in self._blocks()]
        return np.concatenate([np.empty(0), *blocks])

    def _blocks(self) -> Iterator[tuple[int, slice]]:
        """Yield every head with the heads behind it, as many at a time as stay in a core's cache."""
        n_at_once = max(1, VALUES_AT_ONCE // self.scores.shape[1])
        for one in range(self.n_heads):
            for start in range(one + 1, self.n_heads, n_at_once):
                yield one, slice(start, min(start + n_at_once, self.n_heads))

    def _reached(self, heads: slice, joined: Integers) -> Floats:
        """Sum, over the tokens that only the other head of a pair names, the part of the threshold reached here.

        Args:
            heads: One head for all pairs, or one for each.
            joined: Index of the length at which a token enters the union, [pair, token].

        Returns:
            [pair, length].
        """
        # All sums run from the low end of the list. They hold only scores below the threshold, so that
        # rounding stays small against it, however much larger the first scores are.
        named_by_neither = _sum_behind(joined, np.broadcast_to(self.scores[heads], joined.shape), len(self.lengths))
        missing = np.maximum(self.unnamed[heads] - named_by_neither, 0)
        threshold = np.broadcast_to(self.thresholds[heads], missing.shape)
        parts: Floats = np.divide(missing, threshold, out=np.zeros_like(missing), where=threshold > 0)
        return parts


def fuji(scores: Floats, lengths: Integers | None = None) -> Fuji:
    """Compare the order of tokens between every pair of heads.

    Areas are exact: they count every list length, whichever ones the curves are given at. Time grows with pairs times
    tokens (144 heads and 20,000 tokens: ten seconds), memory with heads times tokens and pairs times lengths.

    Args:
        scores: How strongly a head attends to a token, [head, token], >= 0; only ratios within a head matter.
        lengths: List lengths at which curves are given, rising, the last one the number of tokens; left out,
            `list_lengths` chooses at most 128.

    Raises:
        ValueError: As `RankedLists.of`.

    Source: see the module.
    """
    every = RankedLists.of(scores, np.arange(1, scores.shape[-1] + 1))
    n_heads, n_tokens = scores.shape
    chosen = RankedLists.of(scores, list_lengths(n_tokens) if lengths is None else lengths)
    areas, curves = np.eye(n_heads), np.ones((n_heads, n_heads, len(chosen.lengths)))
    areas[np.triu_indices(n_heads, 1)] = every.areas()
    for one in range(n_heads - 1):
        curves[one, one + 1 :] = curves[one + 1 :, one] = chosen.curves(one, slice(one + 1, n_heads))
    return Fuji(chosen.lengths, curves, np.maximum(areas, areas.T))


def area(curves: Floats, lengths: Integers) -> Floats:
    """Area below curves by the trapezoid rule, as a share of the largest possible one.

    Args:
        curves: [..., length].
        lengths: Where the curves were taken, [length]; each interval counts as wide as it is.

    Returns:
        [...], 0..1; of a single length its value.
    """
    if len(lengths) == 1:
        return curves[..., 0]
    values: Floats = np.trapezoid(curves, lengths, axis=-1) / (lengths[-1] - lengths[0])
    return values


def list_lengths(n_tokens: int, n_lengths: int = 128) -> Integers:
    """Choose list lengths from 1 to the number of tokens: dense where lists are short and curves bend, wider later.

    Of 128 lengths the area is off by less than 0.0002 from that of every length.

    Args:
        n_tokens: Number of tokens, at least 1.
        n_lengths: Largest number of lengths, at least 2; with no more tokens than that, every length.
    """
    if n_tokens <= n_lengths:
        return np.arange(1, n_tokens + 1)
    # Squares: steps grow evenly from one token on.
    steps = np.linspace(1, np.sqrt(n_tokens), n_lengths) ** 2
    return np.unique(np.rint(steps).astype(np.int64))


def _sum_at(places: Integers, scores: Floats | None, n_lengths: int) -> NDArray[Any]:
    """Sum the scores of the tokens at each place, or count the tokens; each row for itself, [row, length]."""
    flat = places + n_lengths * np.arange(len(places))[:, None]
    weights = None if scores is None else scores.ravel()
    return np.bincount(flat.ravel(), weights, n_lengths * len(places)).reshape(len(places), n_lengths)


def _sum_behind(places: Integers, scores: Floats, n_lengths: int) -> Floats:
    """Sum the scores of the tokens whose place lies behind each length, [row, length]."""
    at = _sum_at(places, scores, n_lengths)
    sums = np.zeros_like(at)
    sums[:, :-1] = at[:, :0:-1].cumsum(axis=1)[:, ::-1]
    return sums


def _check(scores: Floats, lengths: Integers) -> None:
    if scores.ndim != 2 or not scores.size:
        raise ValueError(f"scores must be [head, token] with at least one of each, got the shape {scores.shape}")
    if not (np.isfinite(scores) & (scores >= 0)).all():
        raise ValueError("scores must be numbers from 0 on: some are negative, infinite or not a number")
    if lengths[0] < 1 or lengths[-1] != scores.shape[1] or (np.diff(lengths) <= 0).any():
        raise ValueError(f"lengths must rise from at least 1 up to the number of tokens, {scores.shape[1]}")
