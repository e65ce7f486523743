"""Sums of document values over groups, for every head, and for every term over the documents that contain it.

Values are rounded to multiples of 2^-26, so that double precision adds them exactly and the order of documents does not
matter. Squares are split into multiples of 2^-20 and a remainder in multiples of 2^-50, which are added separately, so
that deviations of 10^-4 are not lost. With logarithms below 20 the sums are exact for up to six million documents.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from attviz_pipeline.analysis.classes.groups import Units
from attviz_pipeline.analysis.quantities import LOG_RATIO, NORMALISED, from_fixed
from attviz_pipeline.analysis.terms.corpus import Documents, Pairs

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

VALUE_BITS = 26
SQUARE_BITS = 20
REST_BITS = 50


class Sums(NamedTuple):
    """Sums over the documents of each group that have the feature, and the number of these, both [feature, group]."""

    total: Floats
    n: Floats


class UnitSums(NamedTuple):
    """Sums over units, with s the sum of a unit's values and c its number of values, each [feature, group].

    Attributes:
        squares: Sum of s^2.
        cross: Sum of s c.
        squared_counts: Sum of c^2.
        n_units: Units that have the feature.
    """

    squares: Floats
    cross: Floats
    squared_counts: Floats
    n_units: Floats


class Feature(NamedTuple):
    """One head or term: the rows of the documents that have it, ascending, and their values, both [document]."""

    documents: Rows
    values: Floats


class Values(Protocol):
    """One value per feature and document, for documents that have the feature."""

    nanoseconds_of_document: ClassVar[float]
    """Estimate of the time to add one value to a sum."""

    def sums(self, members: Floats) -> Sums:
        """Sum the values.

        Args:
            members: 1 if a document is in a group, else 0, [document, group].
        """
        ...

    def squares(self, members: Floats) -> Floats:
        """Sum the squares of the values, [feature, group]; `members` as in `sums`."""
        ...

    def unit_sums(self, units: Units) -> UnitSums:
        """Sum over units of documents, [feature, group]; the last group is that of all units."""
        ...

    def features(self) -> Iterator[Feature]:
        """Yield the values of each feature."""
        ...

    def only(self, features: Rows) -> Self:
        """Return the values of some features, in memory."""
        ...


class HeadValues:
    """Mean ln(n a) of every document in every head.

    Args:
        values: Rounded by `rounded`, [head, document with terms].
        defined: Numbers of these documents among all.
    """

    nanoseconds_of_document: ClassVar[float] = 0.08

    def __init__(self, values: Floats, defined: Rows) -> None:
        self._values, self._defined = values, defined

    @classmethod
    def read(cls, documents: Documents) -> Self:
        """Take the values of the documents that have some."""
        defined, values = documents.values(LOG_RATIO.name)
        return cls(_rounded(values.T, VALUE_BITS), defined)

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

    def unit_sums(self, units: Units) -> UnitSums:
        """Sum over units, [head, group]."""
        of_documents = units.of_documents[self._defined]
        if units.are_documents:
            totals, counts, members = self._values, np.ones(len(self._defined)), of_documents @ units.members
        else:
            totals, counts = (of_documents.T @ self._values.T).T, of_documents.sum(axis=0)
            members = units.members
        high, rest = _squared(totals)
        shape = len(totals), members.shape[1]
        return UnitSums(
            high @ members + rest @ members,
            (totals * counts) @ members,
            np.broadcast_to(counts**2 @ members, shape),
            np.broadcast_to((counts > 0) @ members, shape),
        )

    def features(self) -> Iterator[Feature]:
        """Yield the values of each head."""
        return (Feature(self._defined, values) for values in self._values)

    def only(self, features: Rows) -> Self:
        """Return the values of some heads."""
        return type(self)(self._values[features], self._defined)


@dataclass(frozen=True)
class TermBlock:
    """Some pairs of term and document, in the order of a sparse matrix [term, document].

    Attributes:
        pattern: The places of the pairs; its data are the pairs' numbers.
        value: Mean ln(n a) over the occurrences, [pair].
        count: Occurrences, [pair].
        attention: Sum of n a over the occurrences, [pair].
    """

    pattern: sparse.csr_array
    value: Floats
    count: Floats
    attention: Floats

    @classmethod
    def of(cls, pairs: Pairs, n_terms: int, n_documents: int) -> Self:
        """Sort pairs."""
        places = (np.arange(len(pairs.term)), (pairs.term, pairs.document))
        pattern = sparse.csr_array(places, shape=(n_terms, n_documents))
        order = pattern.data
        return cls(
            pattern,
            _rounded(from_fixed(pairs.sums[LOG_RATIO.name]) / pairs.count, VALUE_BITS)[order],
            pairs.count.astype(np.float64)[order],
            _rounded(from_fixed(pairs.sums[NORMALISED.name]), SQUARE_BITS)[order],
        )

    def only(self, terms: Rows) -> Self:
        """Return the pairs of some terms."""
        pattern = self.matrix(np.arange(len(self.value)))[terms]
        columns = (column[pattern.data] for column in (self.value, self.count, self.attention))
        return type(self)(pattern, *columns)

    def matrix(self, values: NDArray[Any]) -> sparse.csr_array:
        """Return one value per pair as a matrix, [term, document]."""
        return sparse.csr_array((values, self.pattern.indices, self.pattern.indptr), shape=self.pattern.shape)


class TermValues:
    """Mean ln(n a) of every supported term in every document that contains it.

    Args:
        blocks: Reads the pairs of term and document; a single block is kept in memory, several are read each time.
        n_terms: Number of terms.
        n_documents: Number of documents.
    """

    nanoseconds_of_document: ClassVar[float] = 0.9

    def __init__(self, blocks: Callable[[], Iterator[TermBlock]], n_terms: int, n_documents: int) -> None:
        self._blocks, self._n_terms, self._n_documents = blocks, n_terms, n_documents
        first = list(islice(blocks(), 2))
        if len(first) < 2:
            self._blocks = lambda: iter(first)

    @classmethod
    def read(cls, pairs: Callable[[], Iterator[Pairs]], n_terms: int, n_documents: int) -> Self:
        """Read pairs, in blocks, whenever they are needed."""
        return cls(lambda: (TermBlock.of(some, n_terms, n_documents) for some in pairs()), n_terms, n_documents)

    def sums(self, members: Floats) -> Sums:
        """Sum over documents that contain the term, [term, group]."""
        total = self._summed(lambda block: block.value, members)
        return Sums(total, self._summed(lambda block: np.ones(len(block.value)), members))

    def squares(self, members: Floats) -> Floats:
        """Sum squares over documents that contain the term, [term, group]."""
        high = self._summed(lambda block: _squared(block.value)[0], members)
        return high + self._summed(lambda block: _squared(block.value)[1], members)

    def occurrences(self, members: Floats) -> Floats:
        """Return occurrences, [term, group]."""
        return self._summed(lambda block: block.count, members)

    def attention(self, members: Floats) -> Floats:
        """Sum n a over occurrences, [term, group]."""
        return self._summed(lambda block: block.attention, members)

    def occurrences_of_documents(self) -> Floats:
        """Return occurrences of all terms in each document, [document]."""
        lengths = np.zeros(self._n_documents)
        for block in self._blocks():
            lengths += block.matrix(block.count).sum(axis=0)
        return lengths

    def features(self) -> Iterator[Feature]:
        """Yield the values of each term."""
        return self._by_term(lambda block: block.value)

    def shares(self) -> Iterator[Feature]:
        """Yield the share of each term in the terms of the documents that contain it, 0..1."""
        lengths = self.occurrences_of_documents()
        for documents, counts in self._by_term(lambda block: block.count):
            yield Feature(documents, counts / lengths[documents])

    def unit_sums(self, units: Units) -> UnitSums:
        """Sum over units, [term, group]."""
        of_blocks = (
            (
                block.matrix(block.value) @ units.of_documents,
                block.matrix(np.ones(len(block.value))) @ units.of_documents,
            )
            for block in self._blocks()
        )
        if units.are_documents:
            parts = [_unit_sums(totals, counts, units.members) for totals, counts in of_blocks]
            return UnitSums(*(np.sum(part, axis=0) for part in zip(*parts, strict=True)))
        # The documents of a unit may lie in several blocks.
        shape = self._n_terms, len(units.members)
        totals, counts = sparse.csr_array(shape), sparse.csr_array(shape)
        for some_totals, some_counts in of_blocks:
            totals, counts = totals + some_totals, counts + some_counts
        return _unit_sums(totals, counts, units.members)

    def only(self, features: Rows) -> Self:
        """Return the values of some terms, in memory."""
        blocks = [block.only(features) for block in self._blocks()]
        return type(self)(lambda: iter(blocks), len(features), self._n_documents)

    def _by_term(self, column: Callable[[TermBlock], Floats]) -> Iterator[Feature]:
        """Yield one value per document of each term; all pairs of term and document are held in memory."""
        parts = [block.matrix(column(block)).tocoo() for block in self._blocks()]
        term, document, value = (
            np.concatenate([getattr(part, name) for part in parts] or [np.zeros(0)]) for name in ("row", "col", "data")
        )
        order = np.lexsort((document, term))
        first = np.searchsorted(term[order], np.arange(self._n_terms + 1))
        for start, end in pairwise(first.tolist()):
            some = order[start:end]
            yield Feature(document[some].astype(np.intp), value[some])

    def _summed(self, column: Callable[[TermBlock], Floats], members: Floats) -> Floats:
        total = np.zeros((self._n_terms, members.shape[1]))
        for block in self._blocks():
            total += block.matrix(column(block)) @ members
        return total


def _unit_sums(totals: sparse.csr_array, counts: sparse.csr_array, members: Floats) -> UnitSums:
    high, rest = (
        sparse.csr_array((part, totals.indices, totals.indptr), shape=totals.shape) for part in _squared(totals.data)
    )
    return UnitSums(
        high @ members + rest @ members,
        totals.multiply(counts) @ members,
        counts.multiply(counts) @ members,
        (counts > 0).astype(np.float64) @ members,
    )


def _squared(values: Floats) -> tuple[Floats, Floats]:
    squares = values**2
    high = _rounded(squares, SQUARE_BITS)
    return high, _rounded(squares - high, REST_BITS)


def _rounded(values: Floats, bits: int) -> Floats:
    rounded: Floats = np.ldexp(np.rint(np.ldexp(values, bits)), -bits)
    return rounded
