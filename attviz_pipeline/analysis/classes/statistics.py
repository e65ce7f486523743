"""What permutation tests compare between groups: means of values, and the use of terms."""

from typing import NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis.classes.values import Rows, Sums, TermValues, Values

Floats = NDArray[np.float64]

NANOSECONDS_OF_MEANS = 15.0
NANOSECONDS_OF_COUNTS = 10.0


class Compared(NamedTuple):
    """A difference between each group and the rest, raw and as the statistic of the test, [feature, group].

    NaN where it is undefined.
    """

    difference: Floats
    statistic: Floats


class Statistic(Protocol):
    """Compares groups of documents feature by feature."""

    def compare(self, members: Floats) -> Compared:
        """Compare each group with the rest; `members` is 1 if a document is in a group, else 0, [document, group]."""
        ...

    def only(self, features: Rows) -> Self:
        """Return the statistic of some features, with its values in memory."""
        ...

    def nanoseconds(self) -> Floats:
        """Estimate the time to compute the statistic of each feature in one group, [feature]."""
        ...


class MeanDifference:
    """Mean inside the group minus mean outside, over the documents that have the feature.

    Args:
        values: Values of documents.
        everything: Their sums over all documents that belong to any group, [feature, 1].
    """

    def __init__(self, values: Values, everything: Sums) -> None:
        self._values, self._all = values, everything

    def compare(self, members: Floats) -> Compared:
        """Return differences of means; the statistic scales them by the numbers of documents.

        The number of documents with a term in a group differs between permutations. The factor
        sqrt(n_inside n_outside / n) keeps differences of few documents from dominating those of many.
        """
        inside = self._values.sums(members)
        total, count = self._all
        outside = count - inside.n
        defined = (inside.n > 0) & (outside > 0)
        difference = inside.total / np.maximum(inside.n, 1) - (total - inside.total) / np.maximum(outside, 1)
        difference = np.where(defined, difference, np.nan)
        return Compared(difference, difference * np.sqrt(inside.n * outside / np.maximum(count, 1)))

    def only(self, features: Rows) -> Self:
        """Return the differences of some features."""
        return type(self)(self._values.only(features), Sums(*(column[features] for column in self._all)))

    def nanoseconds(self) -> Floats:
        """Estimate the time of each feature in one group, [feature]."""
        return NANOSECONDS_OF_MEANS + self._values.nanoseconds_of_document * self._all.n[:, 0]


class Use:
    """Occurrences of terms in the group, among documents of similar length.

    Not `log_odds_z`: it compares with the other terms of the group. In a group of which many words are in too few
    documents to be terms, such as texts in another language, every term that does occur would be extreme, and so would
    the z of each that does not.

    Args:
        values: Terms of documents.
        total: Occurrences of each term in all documents that belong to any group, [term].
        n_documents: Documents with the term among these, [term].
    """

    def __init__(self, values: TermValues, total: Floats, n_documents: Floats) -> None:
        self._values, self._total, self._n_documents = values, total, n_documents

    def compare(self, members: Floats) -> Compared:
        """Return occurrences, as the difference and as the statistic; undefined for terms that do not occur."""
        occurrences = np.where((self._total > 0)[:, None], self._values.occurrences(members), np.nan)
        return Compared(occurrences, occurrences)

    def only(self, features: Rows) -> Self:
        """Return the use of some terms."""
        return type(self)(self._values.only(features), self._total[features], self._n_documents[features])

    def nanoseconds(self) -> Floats:
        """Estimate the time of each term in one group, [term]."""
        return NANOSECONDS_OF_COUNTS + self._values.nanoseconds_of_document * self._n_documents
