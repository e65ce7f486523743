"""Permutation tests: whether two heads are more similar than by chance."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis.inference import benjamini_hochberg

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Values that differ by less count as equal, because the difference can be a rounding error.
ROUNDING = 1e-9


class NullComparison(NamedTuple):
    """Observed values of pairs of heads compared with their distribution over permutations, each [pair].

    Attributes:
        value: Observed similarity or distance.
        null_mean: Mean over the permutations.
        null_low: 2.5 % quantile of the permutations.
        null_high: 97.5 % quantile of the permutations.
        p: One-sided p-value: (1 + permutations at least as similar) / (1 + permutations).
        q: `p` adjusted by Benjamini and Hochberg 1995: if all pairs with q < 0.05 are called similar, 5 % of these
            calls are expected to be false.
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


def compare_with_chance(
    value: Floats, draws: Floats, *, high_is_alike: bool, tested: NDArray[np.bool_] | None = None
) -> NullComparison:
    """Compare observed values with those of permutations.

    Args:
        value: Observed values, [pair].
        draws: Values after each permutation, [permutation, pair].
        high_is_alike: Whether high values (a similarity) or low values (a distance) mean similar heads.
        tested: Pairs that are tested, by default all; p and q of the others are 1, [pair].

    Source: Phipson and Smyth 2010, "Permutation p-values should never be zero", for the added 1.
    """
    sign = 1 if high_is_alike else -1
    n_as_alike = (sign * draws >= sign * value - ROUNDING).sum(axis=0)
    p = (1 + n_as_alike) / (1 + len(draws))
    among = np.ones(len(value), np.bool_) if tested is None else tested
    q = benjamini_hochberg(np.where(among, p, np.nan))
    low, high = np.percentile(draws, [2.5, 97.5], axis=0)
    return NullComparison(value, draws.mean(axis=0), low, high, np.where(among, p, 1.0), np.where(among, q, 1.0))


def frequency_strata(document_frequency: Integers) -> list[Integers]:
    """Divide tokens into strata of similar document frequency: 1, 2-3, 4-7, 8-15, ... documents.

    Frequent tokens (articles, punctuation) and rare tokens get different attention in every head, and means of rare
    tokens vary more. Permutations within strata keep this effect, so that heads with nothing in common but the effect
    of frequency do not count as similar.

    Returns:
        Indices of the tokens of each stratum.
    """
    octave = np.frexp(document_frequency)[1]
    return [np.flatnonzero(octave == stratum) for stratum in np.unique(octave)]


def permute_within(strata: list[Integers], random: np.random.Generator) -> Integers:
    """Draw a permutation of the tokens within each stratum, [token]."""
    order = np.empty(sum(len(stratum) for stratum in strata), np.int64)
    for stratum in strata:
        order[stratum] = random.permutation(stratum)
    return order
