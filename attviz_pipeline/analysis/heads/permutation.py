"""Permutation tests: whether two heads are more alike than chance makes them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis.inference import benjamini_hochberg

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Two arrangements that give the same value may differ by rounding; they count as equal.
ROUNDING = 1e-9


class Comparison(NamedTuple):
    """What was seen between pairs of heads beside what chance gives, each [pair].

    Attributes:
        value: The similarity or distance seen.
        null_mean: Its mean over the permutations.
        null_low: 2.5 % of the permutations lie below.
        null_high: 2.5 % of the permutations lie above.
        p: Probability of heads at least as alike by chance, (1 + permutations at least as alike) / (1 + permutations).
        q: `p` after Benjamini and Hochberg 1995: calling all pairs with q <= 0.05 alike, 5 % of the calls are expected
            to be false.
    """

    value: Floats
    null_mean: Floats
    null_low: Floats
    null_high: Floats
    p: Floats
    q: Floats

    @property
    def n_pairs(self) -> int:
        """Number of pairs."""
        return len(self.value)


def compare_with_chance(value: Floats, draws: Floats, *, high_is_alike: bool) -> Comparison:
    """Put what was seen beside what the permutations gave.

    Args:
        value: [pair].
        draws: The same statistic after each permutation, [permutation, pair].
        high_is_alike: Whether high values (a similarity) or low ones (a distance) speak for likeness.

    Source: Phipson and Smyth 2010, "Permutation p-values should never be zero", for the added ones.
    """
    sign = 1 if high_is_alike else -1
    n_as_alike = (sign * draws >= sign * value - ROUNDING).sum(axis=0)
    p = (1 + n_as_alike) / (1 + len(draws))
    low, high = np.percentile(draws, [2.5, 97.5], axis=0)
    return Comparison(value, draws.mean(axis=0), low, high, p, benjamini_hochberg(p))


def frequency_strata(document_frequency: Integers) -> list[Integers]:
    """Group tokens of similar frequency: 1, 2-3, 4-7, 8-15, ... documents.

    Frequent tokens (articles, punctuation) and rare ones get different attention in every head, and the means of rare
    ones vary more. A permutation within these groups keeps that, so that heads which agree on no more than
    frequency do not count as alike.

    Returns:
        The tokens' numbers, group by group.
    """
    octave = np.frexp(document_frequency)[1]
    return [np.flatnonzero(octave == group) for group in np.unique(octave)]


def permute_within(strata: list[Integers], random: np.random.Generator) -> Integers:
    """Draw a permutation of the tokens that moves each one within its group only, [token]."""
    order = np.empty(sum(len(group) for group in strata), np.int64)
    for group in strata:
        order[group] = random.permutation(group)
    return order
