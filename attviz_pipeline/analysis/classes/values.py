"""Values of documents, summed over groups: of every head, and of every term in the documents that have it.

Values are rounded to multiples of 2^-26 (their squares to 2^-20), so that double precision adds them exactly and the
order of documents changes nothing; with logarithms below 20 that holds for up to six million documents.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from attviz_pipeline.analysis.measures import LOG_RATIO, NORMALISED, from_fixed
from attviz_pipeline.analysis.terms.corpus import Documents, Pairs

Floats = NDArray[np.float64]

VALUE_BITS = 26
SQUARE_BITS = 20


class Sums(NamedTuple):
    """Sums over the documents of each group that have the feature, and their number, both [feature, group]."""

    total: Floats
    n: Floats


class Values(Protocol):
    """One value per feature and document, for documents that have the feature."""

    def sums(self, members: Floats, *, squared: bool = False) -> Sums:
        """Sum the values, or their squares.

        Args:
            members: 1 where a document is in a group, else 0, [document, group].
            squared: Sum squares instead.
        """
        ...


class HeadValues:
    """Mean ln(n a) of every document in every head."""

    def __init__(self, documents: Documents) -> None:
        self._defined, values = documents.values(LOG_RATIO.name)
        self._values = _rounded(values.T, VALUE_BITS)

    def sums(self, members: Floats, *, squared: bool = False) -> Sums:
        """Sum over documents, [head, group]."""
        values = _rounded(self._values**2, SQUARE_BITS) if squared else self._values
        present = members[self._defined]
        count = np.broadcast_to(present.sum(axis=0), (len(values), present.shape[1]))
        return Sums(values @ present, count)


class TermValues:
    """Mean ln(n a) of every supported term in every document that it occurs in."""

    def __init__(self, pairs: Callable[[], Iterator[Pairs]], n_terms: int) -> None:
        self._pairs, self._n_terms = pairs, n_terms

    def sums(self, members: Floats, *, squared: bool = False) -> Sums:
        """Sum over documents that have the term, [term, group]."""

        def columns(pairs: Pairs) -> tuple[Floats, Floats]:
            values = _rounded(from_fixed(pairs.sums[LOG_RATIO.name]) / pairs.count, VALUE_BITS)
            return _rounded(values**2, SQUARE_BITS) if squared else values, np.ones(len(values))

        return Sums(*self._summed(columns, members))

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
            # The same places hold either column.
            for total, values in ((left, first), (right, second)):
                matrix.data = values[places]
                total += matrix @ members  # noqa: PLW2901 - added in place
        return left, right


def _rounded(values: Floats, bits: int) -> Floats:
    rounded: Floats = np.ldexp(np.rint(np.ldexp(values, bits)), -bits)
    return rounded
