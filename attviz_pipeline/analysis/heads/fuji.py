"""FUJI, the fuzzy Jaccard index of ranked lists: the similarity of two heads' token rankings.

A list of length i contains the i tokens with the largest scores of a head. The ordinary Jaccard index counts the tokens
in both lists. FUJI also counts a token in only one list, by the share of the other list's threshold that it reaches:

    FUJI(i) = sum over tokens f of the union of min(1, s_1(f) / t_1, s_2(f) / t_2), divided by the size of the union,

where s are the scores and t_j is the i-th largest score of list j. At the full length every token is in the union and
reaches the threshold, so every curve ends at 1. The index of two lists is the area under the curve.

Conventions where the definition is open:

- Ties: a list of length i contains all tokens that reach its threshold, so the order of equal scores does not matter.
  Without ties this is the published definition.
- Every token reaches a threshold of 0; two lists in which all scores are 0 have FUJI = 1.
- With one token the curve is a single point, 1, and the area is 1.

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
        lengths: List lengths at which the curves are evaluated, ascending, [length].
        curves: [head, head, length], 0..1.
        area: [head, head], 0..1; 1 on the diagonal.
    """

    lengths: Integers
    curves: Floats
    area: Floats


@dataclass(frozen=True)
class RankedLists:
    """The ranked tokens of every head, cut at the same list lengths.

    Attributes:
        lengths: List lengths, ascending; the last is the number of tokens, [length].
        scores: [head, token], >= 0.
        places: Index of the shortest of `lengths` at which a token is in a head's list, [head, token].
        thresholds: Smallest score in a head's list, [head, length].
        n_listed: Number of tokens in a head's list, larger than the length if the last tokens tie, [head, length].
        unlisted: Sum of the scores of the tokens that are not in a head's list, [head, length].
    """

    lengths: Integers
    scores: Floats
    places: Integers
    thresholds: Floats
    n_listed: Integers
    unlisted: Floats

    @classmethod
    def of(cls, scores: Floats, lengths: Integers) -> "RankedLists":
        """Rank the tokens of every head.

        Raises:
            ValueError: A score is negative or not finite, there is no token, or the lengths do not ascend to the
                number of tokens.
        """
        _check(scores, lengths)
        descending = -np.sort(-scores, axis=1)
        # A token's rank is one more than the number of tokens with larger scores, so tied tokens share a rank.
        ranks = np.array(
            [1 + np.searchsorted(-row, -own, side="left") for row, own in zip(descending, scores, strict=True)]
        )
        places = np.searchsorted(lengths, ranks)
        n_listed = _sum_at(places, None, len(lengths)).cumsum(axis=1)
        unlisted = _sum_after(places, scores, len(lengths))
        return cls(lengths, scores, places, descending[:, lengths - 1], n_listed, unlisted)

    @property
    def n_heads(self) -> int:
        """Number of heads."""
        return len(self.scores)

    def permuted(self, permutation: Callable[[], Integers]) -> "RankedLists":
        """Permute the scores of every head among the tokens.

        Args:
            permutation: Returns a permutation of the tokens, [token]; called once per head.
        """
        orders = np.array([permutation() for _ in range(self.n_heads)])
        scores = np.take_along_axis(self.scores, orders, axis=1)
        places = np.take_along_axis(self.places, orders, axis=1)
        return RankedLists(self.lengths, scores, places, self.thresholds, self.n_listed, self.unlisted)

    def curves(self, one: int, others: slice) -> Floats:
        """FUJI of one head with others at every length, [other, length], 0..1."""
        joined = np.minimum(self.places[one], self.places[others])
        n_union = _sum_at(joined, None, len(self.lengths)).cumsum(axis=1)
        n_both = self.n_listed[one] + self.n_listed[others] - n_union
        partial = self._reached(slice(one, one + 1), joined) + self._reached(others, joined)
        values: Floats = (n_both + partial) / n_union
        return values

    def areas(self) -> Floats:
        """Area under the curve of every pair of heads, [pair] in the order of `numpy.triu_indices(n_heads, 1)`."""
        blocks = [area(self.curves(one, others), self.lengths) for one, others in self._blocks()]
        return np.concatenate([np.empty(0), *blocks])

    def _blocks(self) -> Iterator[tuple[int, slice]]:
        """Yield every head with the heads after it, in groups that fit into a core's cache."""
        n_at_once = max(1, VALUES_AT_ONCE // self.scores.shape[1])
        for one in range(self.n_heads):
            for start in range(one + 1, self.n_heads, n_at_once):
                yield one, slice(start, min(start + n_at_once, self.n_heads))

    def _reached(self, heads: slice, joined: Integers) -> Floats:
        """Sum the shares of the threshold that these heads reach, over tokens in the other head's list only.

        Args:
            heads: One head for all pairs, or one for each.
            joined: Index of the length at which a token enters the union, [pair, token].

        Returns:
            [pair, length].
        """
        # All sums start at the end of the list. They contain only scores below the threshold, so rounding errors
        # are small relative to it, even if the first scores are much larger.
        in_neither = _sum_after(joined, np.broadcast_to(self.scores[heads], joined.shape), len(self.lengths))
        missing = np.maximum(self.unlisted[heads] - in_neither, 0)
        threshold = np.broadcast_to(self.thresholds[heads], missing.shape)
        parts: Floats = np.divide(missing, threshold, out=np.zeros_like(missing), where=threshold > 0)
        return parts


def fuji(scores: Floats, lengths: Integers | None = None) -> Fuji:
    """Compare the token rankings of every pair of heads.

    Areas are exact: they use every list length, not only those of the curves. Time grows with pairs times tokens (144
    heads and 20,000 tokens: ten seconds), memory with heads times tokens and pairs times lengths.

    Args:
        scores: How strongly a head attends to a token, [head, token], >= 0; only ratios within a head matter.
        lengths: List lengths of the curves, ascending; the last must be the number of tokens. By default `list_lengths`
            chooses at most 384.

    Raises:
        ValueError: As in `RankedLists.of`.

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
    """Area under curves by the trapezoid rule, as a share of the largest possible area.

    Args:
        curves: [..., length].
        lengths: List lengths of the curves, [length]; intervals are weighted by their width.

    Returns:
        [...], 0..1; for a single length the value of the curve.
    """
    if len(lengths) == 1:
        return curves[..., 0]
    values: Floats = np.trapezoid(curves, lengths, axis=-1) / (lengths[-1] - lengths[0])
    return values


def list_lengths(n_tokens: int, n_lengths: int = 384) -> Integers:
    """Choose list lengths from 1 to the number of tokens: dense for short lists, where curves bend, then wider.

    With up to 384 tokens every length is used. With more, the area differs from that with every length by less than
    0.0002.

    Args:
        n_tokens: Number of tokens, at least 1.
        n_lengths: Maximum number of lengths, at least 2; if there are no more tokens, every length is used.
    """
    if n_tokens <= n_lengths:
        return np.arange(1, n_tokens + 1)
    # Squares of equidistant numbers: steps grow linearly from one token on.
    steps = np.linspace(1, np.sqrt(n_tokens), n_lengths) ** 2
    return np.unique(np.rint(steps).astype(np.int64))


def _sum_at(places: Integers, scores: Floats | None, n_lengths: int) -> NDArray[Any]:
    """Sum the scores of the tokens at each place, or count the tokens, separately for each row, [row, length]."""
    flat = places + n_lengths * np.arange(len(places))[:, None]
    weights = None if scores is None else scores.ravel()
    return np.bincount(flat.ravel(), weights, n_lengths * len(places)).reshape(len(places), n_lengths)


def _sum_after(places: Integers, scores: Floats, n_lengths: int) -> Floats:
    """Sum the scores of the tokens whose place is after each length, [row, length]."""
    at = _sum_at(places, scores, n_lengths)
    sums = np.zeros_like(at)
    sums[:, :-1] = at[:, :0:-1].cumsum(axis=1)[:, ::-1]
    return sums


def _check(scores: Floats, lengths: Integers) -> None:
    if scores.ndim != 2 or not scores.size:
        raise ValueError(f"scores must be [head, token] with at least one of each, got the shape {scores.shape}")
    if not (np.isfinite(scores) & (scores >= 0)).all():
        raise ValueError("scores must be finite and at least 0: some are negative, infinite or not a number")
    if lengths[0] < 1 or lengths[-1] != scores.shape[1] or (np.diff(lengths) <= 0).any():
        raise ValueError(f"lengths must ascend from at least 1 to the number of tokens, {scores.shape[1]}")
