"""What statistics of terms measure: self-attention as it is, and relative to even attention."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LOWEST_ATTENTION = 1e-8
"""Smaller values, 0 among them, count as this much in logarithms: the lowest bin of the histograms ends there."""

LONGEST_WINDOW = 2**20
FIXED_BITS = 30


class Measure(NamedTuple):
    """A quantity whose values lie in `lowest .. lowest + width`; exact sums want it brought to 0..1."""

    name: str
    lowest: float
    width: float

    def to_unit(self, values: Floats) -> Floats:
        """Bring values to 0..1."""
        return (values - self.lowest) / self.width

    def from_unit(self, means: Floats) -> Floats:
        """Bring means of what `to_unit` returned back."""
        return means * self.width + self.lowest


ATTENTION = Measure("attention", 0.0, 1.0)
"""The share a of its attention that a token spends on itself."""

NORMALISED = Measure("normalised", 0.0, float(LONGEST_WINDOW))
"""n a, n the number of tokens of the window: 1 is even attention."""

LOG_RATIO = Measure("log_ratio", -20.0, 40.0)
"""ln(n a), the log ratio of a to even attention 1/n: 0 is even attention."""

MEASURES = (ATTENTION, NORMALISED, LOG_RATIO)


def log_ratio(attention: Floats, n_tokens: Floats) -> Floats:
    """Return ln(n a), with a no less than `LOWEST_ATTENTION`.

    Args:
        attention: [token, head], 0..1.
        n_tokens: Tokens of the window that each token was read in, [token].
    """
    return np.log(np.maximum(attention, LOWEST_ATTENTION) * n_tokens[:, None])


def evenness(attention: Floats, first: NDArray[np.intp]) -> Floats:
    """Return how evenly self-attention is spread over the terms of each document: H / ln n, 0..1.

    Args:
        attention: [term, head], the documents one after the other.
        first: Row at which each document begins, [document]; none is empty.

    Returns:
        [document, head]; NaN where a document has one term or a head no attention in it.

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
    """Round to multiples of 2^-30, counted: whole numbers add exactly in any order.

    Sums stay in range up to 2^63 / 2^30 / 20, about 400 million occurrences of one term.
    """
    return np.rint(np.ldexp(values, FIXED_BITS)).astype(np.int64)


def from_fixed(sums: NDArray[np.int64]) -> Floats:
    """Return what sums of `to_fixed` stand for."""
    values: Floats = np.ldexp(sums.astype(np.float64), -FIXED_BITS)
    return values
