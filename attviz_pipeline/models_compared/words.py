"""Whether two models of any layout attend to the same terms: means over all heads, compared over shared terms."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.models_compared.terms import Terms, correlations

Floats = NDArray[np.float64]

N_HALVES = 200


class SharedTerms(NamedTuple):
    """Length-corrected self-attention of the terms that two models have, [head, term], in the same order."""

    own: Floats
    other: Floats

    @classmethod
    def of(cls, own: Terms, other: Terms) -> Self:
        """Choose the terms with equal names."""
        place = {name: number for number, name in enumerate(other.names)}
        shared = [(number, place[name]) for number, name in enumerate(own.names) if name in place]
        mine, theirs = np.array(shared, np.intp).reshape(-1, 2).T
        return cls(own.values[:, mine], other.values[:, theirs])

    @property
    def n(self) -> int:
        """Number of shared terms."""
        return int(self.own.shape[1])

    def correlation(self) -> float:
        """Return Spearman's correlation over terms of the means over all heads; NaN where undefined."""
        return _correlation(self.own.mean(axis=0), self.other.mean(axis=0))

    def correlation_of_halves(self, seed: int) -> float:
        """Return what the own model's heads give: the median of the same correlation of random halves of them.

        Both halves read the same documents, as the two models do. NaN with one head, or where undefined.

        Args:
            seed: Of the 200 random halves.
        """
        n_heads, random = len(self.own), np.random.default_rng(seed)
        if n_heads < 2:
            return np.nan
        found = []
        for _ in range(N_HALVES):
            order = random.permutation(n_heads)
            halves = np.array_split(self.own[order], 2)
            found.append(_correlation(*(half.mean(axis=0) for half in halves)))
        return float(np.median(found))


def _correlation(first: Floats, second: Floats) -> float:
    return float(correlations(first[None], second[None])[0, 0])
