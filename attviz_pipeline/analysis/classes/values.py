"""Sums of document values over groups, for every head, and for every term over the documents that contain it.

Values are rounded to multiples of 2^-26, so that double precision adds them exactly and the order of documents does not
matter. Squares are split into multiples of 2^-20 and a remainder in multiples of 2^-50, which are added separately, so
that deviations of 10^-4 are not lost. With logarithms below 20 the sums are exact for up to six million documents.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from attviz_pipeline.analysis.quantities import LOG_RATIO, NORMALISED, from_fixed
from attviz_pipeline.analysis.terms.corpus import Documents, Pairs

Floats = NDArray[np.float64]

VALUE_BITS = 26
SQUARE_BITS = 20
REST_BITS = 50


class Sums(NamedTuple):
    """Sums over the documents of each group that have the feature, and the number of these, both [feature, group]."""

    total: Floats
    n: Floats


class Values(Protocol):
    """One value per feature and document, for documents that have the feature."""

    def sums(self, members: Floats) -> Sums:
        """Sum the values.

        Args:
            members: 1 if a document is in a group, else 0, [document, group].
        """
        ...

    def squares(self, members: Floats) -> Floats:
        """Sum the squares of the values, [feature, group]; `members` as in `sums`."""
        ...


class HeadValues:
    """Mean ln(n a) of every document in every head."""

    def __init__(self, documents: Documents) -> None:
        self._defined, values = documents.values(LOG_RATIO.name)
        self._values = _rounded(values.T, VALUE_BITS)

    def sums(self, members: Floats) -> Sums:
        """Sum over documents, [head, group]."""
        present = members[self._defined]
        count = np.broadcast_to(present.sum(axis=0), (len(self._values), present.shape[1]))
        return Sums(self._values @ present, count)

    def squares(self, members: Floats) -> Floats:
        """Sum squares over documents, [head, group]."""
        high, rest = _squared(self._values)
        present = members[self._defined]
        squares: Floats = high @ present + rest @ present
        return squares


class TermValues:
    """Mean ln(n a) of every supported term in every document that contains it."""

    def __init__(self, pairs: Callable[[], Iterator[Pairs]], n_terms: int) -> None:
        self._pairs, self._n_terms = pairs, n_terms

    def sums(self, members: Floats) -> Sums:
        """Sum over documents that contain the term, [term, group]."""
        return Sums(*self._summed(lambda pairs: (_mean_log_ratio(pairs), np.ones(len(pairs.count))), members))

    def squares(self, members: Floats) -> Floats:
        """Sum squares over documents that contain the term, [term, group]."""
        high, rest = self._summed(lambda pairs: _squared(_mean_log_ratio(pairs)), members)
        return high + rest

    def counts(self, members: Floats) -> tuple[Floats, Floats]:
        """Return occurrences, and the sum of n a over them, [term, group]."""

        def columns(pairs: Pairs) -> tuple[Floats, Floats]:
            return pairs.count.astype(np.float64), _rounded(from_fixed(pairs.sums[NORMALISED.name]), SQUARE_BITS)

        return self._summed(columns, members)

    def _summed(self, columns: Callable[[Pairs], tuple[Floats, Floats]], members: Floats) -> tuple[Floats, Floats]:
        """Sum two columns of the pairs of term and document over groups."""
        shape = (self._n_terms, members.shape[1])
        left, right = np.zeros(shape), np.zeros(shape)
        for pairs in self._pairs():
            first, second = columns(pairs)
            matrix = sparse.csr_array(
                (np.arange(len(first)), (pairs.term, pairs.document)), shape=(self._n_terms, len(members))
            )
            places = matrix.data.astype(np.intp)
            # Both columns have the same sparsity pattern.
            for total, values in ((left, first), (right, second)):
                matrix.data = values[places]
                total += matrix @ members  # noqa: PLW2901 - added in place
        return left, right


def _mean_log_ratio(pairs: Pairs) -> Floats:
    return _rounded(from_fixed(pairs.sums[LOG_RATIO.name]) / pairs.count, VALUE_BITS)


def _squared(values: Floats) -> tuple[Floats, Floats]:
    squares = values**2
    high = _rounded(squares, SQUARE_BITS)
    return high, _rounded(squares - high, REST_BITS)


def _rounded(values: Floats, bits: int) -> Floats:
    rounded: Floats = np.ldexp(np.rint(np.ldexp(values, bits)), -bits)
    return rounded
