"""The quantities of term statistics: self-attention itself, and relative to uniform attention."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LOWEST_ATTENTION = 1e-8
"""Smaller values, including 0, are raised to this value in logarithms; the lowest bin of the histograms ends there."""

LONGEST_WINDOW = 2**20
FIXED_BITS = 30


class Quantity(NamedTuple):
    """A quantity with values in `lowest .. lowest + width`; exact sums need values scaled to 0..1."""

    name: str
    lowest: float
    width: float

    def to_unit(self, values: Floats) -> Floats:
        """Scale values to 0..1."""
        return (values - self.lowest) / self.width

    def from_unit(self, means: Floats) -> Floats:
        """Undo `to_unit` for means of scaled values."""
        return means * self.width + self.lowest


ATTENTION = Quantity("attention", 0.0, 1.0)
"""The attention a of a token to itself."""

NORMALISED = Quantity("normalised", 0.0, float(LONGEST_WINDOW))
"""n a, where n is the number of tokens of the window: 1 is uniform attention."""

LOG_RATIO = Quantity("log_ratio", -20.0, 40.0)
"""ln(n a), the log ratio of a to uniform attention 1/n: 0 is uniform attention."""

QUANTITIES = (ATTENTION, NORMALISED, LOG_RATIO)


def log_ratio(attention: Floats, n_tokens: Floats) -> Floats:
    """Return ln(n a), with a raised to at least `LOWEST_ATTENTION`.

    Args:
        attention: [token, head], 0..1.
        n_tokens: Number of tokens of each token's window, [token].
    """
    return np.log(np.maximum(attention, LOWEST_ATTENTION) * n_tokens[:, None])


def evenness(attention: Floats, first: NDArray[np.intp]) -> Floats:
    """Return how evenly self-attention is spread over the terms of each document: H / ln n, 0..1.

    Args:
        attention: [term, head], the documents one after the other.
        first: First row of each document, [document]; no document is empty.

    Returns:
        [document, head]; NaN where a document has only one term, or the head has no self-attention in it.

    Source: Pielou 1966, the measurement of diversity in different types of biological collections.
    """
    n_terms = np.diff(np.append(first, len(attention)))[:, None]
    total = np.add.reduceat(attention, first, axis=0)
    positive = np.where(attention > 0, attention, 1.0)
    weighted = np.add.reduceat(attention * np.log(positive), first, axis=0)
    defined = (n_terms > 1) & (total > 0)
    total, n_terms = np.where(defined, total, 1.0), np.where(defined, n_terms, 2)
    # H of the shares a / S is ln S - sum(a ln a) / S.
    return np.where(defined, np.clip((np.log(total) - weighted / total) / np.log(n_terms), 0, 1), np.nan)


def to_fixed(values: Floats) -> NDArray[np.int64]:
    """Convert to integer multiples of 2^-30, which add exactly in any order.

    Sums do not overflow up to 2^63 / 2^30 / 20, about 400 million occurrences of one term.
    """
    return np.rint(np.ldexp(values, FIXED_BITS)).astype(np.int64)


def from_fixed(sums: NDArray[np.int64]) -> Floats:
    """Convert sums of `to_fixed` back to floats."""
    values: Floats = np.ldexp(sums.astype(np.float64), -FIXED_BITS)
    return values
