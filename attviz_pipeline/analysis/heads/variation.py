"""How much a head's self-attention varies over the tokens of a document, and how far it is from even attention.

A head that gives all tokens of a document nearly the same has no preferences that could be like those of another head.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis.quantities import LOWEST_ATTENTION

Floats = NDArray[np.float64]

FACTOR = 1.5
"""A head is constant, or even, if its tokens are typically within this factor.

In BERT with random weights and 768 dimensions the typical factor of a head is at most 1.4, in the fine-tuned model of
the default study at least 1.8. The threshold is this project's own.
"""


class HeadVariation(NamedTuple):
    """Means over documents; NaN if there is no document.

    Attributes:
        variation: Standard deviation of ln(n a) over the tokens of a document, [head].
        deviation: Mean over the tokens of a document of |ln(n a)|, 0 if all attention is even, [head].
    """

    variation: Floats
    deviation: Floats

    @classmethod
    def of(cls, documents: Mapping[int, tuple[Floats, Floats]], n_heads: int) -> Self:
        """Take the means over documents in the order of their positions, so that the bits do not depend on shards.

        Args:
            documents: Results of `measure_variation` by position.
            n_heads: Number of heads of all layers.
        """
        if not documents:
            return cls(np.full(n_heads, np.nan), np.full(n_heads, np.nan))
        rows = np.array([documents[position] for position in sorted(documents)])
        return cls(*rows.mean(axis=0))

    @property
    def constant(self) -> NDArray[np.bool_]:
        """Whether a head treats all tokens of a document nearly alike, [head]."""
        constant: NDArray[np.bool_] = self.variation < math.log(FACTOR)
        return constant

    @property
    def even(self) -> NDArray[np.bool_]:
        """Whether a head attends nearly evenly: n a is typically within `FACTOR` of 1, [head]."""
        even: NDArray[np.bool_] = self.deviation < math.log(FACTOR)
        return even

    def facts(self) -> dict[str, Any]:
        """Return the facts of the comparison; nothing is constant or even if no document was measured."""
        measured = bool(np.isfinite(self.variation).all())
        return {
            "constant_heads": np.flatnonzero(self.constant).tolist(),
            "n_even_heads": int(self.even.sum()),
            "even_within": FACTOR,
            "head_variation": self.variation.tolist() if measured else [],
            "head_deviation": self.deviation.tolist() if measured else [],
        }


def measure_variation(attention: Floats, n_tokens: Floats) -> tuple[Floats, Floats]:
    """Measure one document: the standard deviation and the mean absolute value of ln(n a), each [head].

    Args:
        attention: Self-attention of the tokens, [head, token], 0..1.
        n_tokens: Tokens of each token's window, special ones included, [token].
    """
    log_ratio = np.log(np.maximum(attention, LOWEST_ATTENTION) * n_tokens)
    return log_ratio.std(axis=1), np.abs(log_ratio).mean(axis=1)
