"""Random terms of the same documents: the floor for what was measured of a term."""

import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline import stats

Floats = NDArray[np.float64]

MOST_DRAWS = 19_999
"""Draws of a test, so that one small p among a thousand tests can be a finding."""
DRAWS_AT_ONCE = 1_000
ENOUGH = 20
"""Draws as high as the observed mean, after which a test stops: p is then known to about a fifth of itself."""
TOLERANCE = 1e-12


class DocumentTerms(NamedTuple):
    """The terms of one document, with what was measured of each."""

    source_id: str
    labels: tuple[int, ...]
    """The predicted class or labels; none in regression."""
    terms: list[str]
    """[occurrence]."""
    values: Floats
    """[occurrence]."""


class Pairs(NamedTuple):
    """The documents that contain one term."""

    document: NDArray[np.intp]
    """Number of the document, [pair]."""
    n_occurrences: NDArray[np.int64]
    """Occurrences in it, [pair]."""
    means: Floats
    """Mean over these occurrences, [pair]."""
    ranks: Floats
    """Mean over these occurrences of the rank among all terms of the document, 0..1, [pair]."""

    def within(self, members: NDArray[np.bool_]) -> "Pairs":
        """Keep the documents of a group, [document]."""
        inside = members[self.document]
        return Pairs(self.document[inside], self.n_occurrences[inside], self.means[inside], self.ranks[inside])


class RandomTerms:
    """The terms of some documents, and tests of a term against random occurrences of terms in the same documents.

    Args:
        documents: The documents.
        seed: Of the draws; those of a term do not depend on the other terms.

    Attributes:
        documents: The documents.
        pairs: The documents of each term, by its spelling.
        floors: Mean over all occurrences of terms in a document, NaN without any, [document].
    """

    def __init__(self, documents: Sequence[DocumentTerms], seed: int) -> None:
        self.documents, self._seed = documents, seed
        self._sizes = np.array([len(document.values) for document in documents], np.int64)
        self._starts = np.cumsum(self._sizes) - self._sizes
        self._ranks = np.concatenate([np.empty(0), *(ranks_of(document.values) for document in documents)])
        self.floors = np.array([document.values.mean() if len(document.values) else np.nan for document in documents])
        self.pairs = self._gather()

    def _gather(self) -> dict[str, Pairs]:
        found: dict[str, dict[int, list[tuple[float, float]]]] = {}
        for number, document in enumerate(self.documents):
            ranks = self._ranks[self._starts[number] :][: self._sizes[number]]
            for term, *pair in zip(document.terms, document.values.tolist(), ranks.tolist(), strict=True):
                found.setdefault(term, {}).setdefault(number, []).append((pair[0], pair[1]))
        return {
            term: Pairs(
                np.array(list(of_term), np.intp),
                np.array([len(values) for values in of_term.values()], np.int64),
                *np.array([np.mean(values, axis=0) for values in of_term.values()]).T,
            )
            for term, of_term in sorted(found.items())
        }

    def p(self, term: str, pairs: Pairs) -> float:
        """Return the one-sided p of a term: random occurrences of terms have a mean rank that is as high.

        In each document, as many occurrences are drawn as the term has, with replacement and the term's own among them.

        Args:
            term: The term.
            pairs: Its documents, or some of them.

        Sources: Phipson and Smyth 2010 (the observed arrangement counts as a draw); Besag and Clifford 1991 (stopping
        after enough draws that are as high).
        """
        random = np.random.default_rng([self._seed, zlib.crc32(term.encode("utf-8", "surrogatepass"))])
        observed = pairs.ranks.mean()
        least = observed - TOLERANCE * max(1.0, abs(observed))
        n_high = n_drawn = 0
        while n_high < ENOUGH and n_drawn < MOST_DRAWS:
            n_now = min(DRAWS_AT_ONCE, MOST_DRAWS - n_drawn)
            n_high += int((self._draw(pairs, n_now, random) >= least).sum())
            n_drawn += n_now
        return (n_high + 1) / (n_drawn + 1)

    def _draw(self, pairs: Pairs, n_draws: int, random: np.random.Generator) -> Floats:
        """Return mean ranks over documents of random occurrences, [draw]."""
        sums = np.zeros((len(pairs.document), n_draws))
        for number in range(int(pairs.n_occurrences.max())):
            more = pairs.n_occurrences > number
            document = pairs.document[more]
            places = (random.random((len(document), n_draws)) * self._sizes[document, None]).astype(np.int64)
            sums[more] += self._ranks[self._starts[document, None] + places]
        means: Floats = (sums / pairs.n_occurrences[:, None]).mean(axis=0)
        return means


def ranks_of(values: Floats) -> Floats:
    """Return the share of values that each exceeds, half of itself and of equal ones included; their mean is 0.5.

    Documents differ much in how far any word changes the prediction. Ranks within a document do not.
    """
    if not len(values):
        return values
    ranks: Floats = (stats.rankdata(values) - 0.5) / len(values)
    return ranks
