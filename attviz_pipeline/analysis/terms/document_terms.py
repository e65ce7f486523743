"""Supported terms by document, for statistics that treat documents, not tokens, as independent."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attviz_pipeline.analysis.quantities import QUANTITIES, to_fixed
from attviz_pipeline.analysis.terms.length_correction import unit_basis
from attviz_pipeline.analysis.terms.list_terms import UNSUPPORTED
from attviz_pipeline.analysis.terms.occurrences import Occurrences

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DocumentTerms:
    """One row per pair of term and document, sorted by term, then document.

    Attributes:
        term: Number of the term, ascending, [pair].
        document: Row of the batch's documents, ascending within a term, [pair].
        count: Occurrences, c, [pair].
        length: The basis of length curves at the document's length, scaled to 0..1, [pair, column].
        means: Mean over the occurrences, x, by name of quantity, [pair, layer x head].
        values: Self-attention of the occurrences, sorted like the pairs, [occurrence, layer x head].
        first_occurrence: First row of each term in `values`, [distinct term].
        first_pair: First pair of each term, [distinct term].
    """

    term: NDArray[np.int64]
    document: NDArray[np.int64]
    count: NDArray[np.int64]
    length: Floats
    means: dict[str, Floats]
    values: Floats
    first_occurrence: NDArray[np.intp]
    first_pair: NDArray[np.intp]

    @classmethod
    def of(cls, found: Occurrences, numbering: dict[str, int]) -> "DocumentTerms":
        """Group the occurrences of supported terms by term and document."""
        numbers = np.array([numbering.get(term, UNSUPPORTED) for term in found.terms], np.int64)
        rows = np.flatnonzero(numbers != UNSUPPORTED)
        order = rows[np.lexsort((found.document[rows], numbers[rows]))]
        term, document = numbers[order], found.document[order]
        is_term = np.diff(term, prepend=UNSUPPORTED) != 0
        is_pair = is_term | (np.diff(document, prepend=-1) != 0)
        first = np.flatnonzero(is_pair)
        count = np.diff(np.append(first, len(order)))
        return cls(
            term=term[first],
            document=document[first],
            count=count,
            length=unit_basis(found.n_document_tokens)[document[first]],
            means={
                quantity.name: _sums(getattr(found, quantity.name)[order], first) / count[:, None]
                for quantity in QUANTITIES
            },
            values=found.attention[order],
            first_occurrence=np.flatnonzero(is_term),
            first_pair=np.flatnonzero(is_term[first]),
        )

    def to_table(self, position: NDArray[np.int64]) -> pa.Table:
        """Return columns of the artifact `term_documents`, sorted by document and term.

        Args:
            position: Positions of the batch's documents in the site's order, [document].
        """
        order = np.lexsort((self.term, self.document))
        # Mean over heads, for the intervals over all heads.
        sums = {name: to_fixed(means.mean(axis=1) * self.count)[order] for name, means in self.means.items()}
        return pa.table(
            {
                "position": pa.array(position[self.document[order]]),
                "term": pa.array(self.term[order].astype(np.int32)),
                "count": pa.array(self.count[order].astype(np.int32)),
                **{name: pa.array(values) for name, values in sums.items()},
            }
        )


def _sums(values: Floats, first: NDArray[np.intp]) -> Floats:
    return np.add.reduceat(values, first, axis=0) if len(first) else values
