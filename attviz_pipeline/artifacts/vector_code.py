"""Query and key vectors in 8 bits: whole numbers from -127 to 127, and a scale for each head and token."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST = 127

Vectors = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Codes = NDArray[np.int8]
Scales = NDArray[np.float32]


def encode(vectors: Vectors) -> tuple[Codes, Scales]:
    """Code vectors, each with the scale at which its largest number is 127.

    A decoded number is off by at most half a scale: the largest number of its vector / 254, or 0.4 %.

    Args:
        vectors: [head, token, size].

    Returns:
        Codes, [head, token, size], and scales, [head, token].
    """
    numbers = vectors.astype(np.float64)
    scales = (np.abs(numbers).max(axis=-1) / LARGEST).astype(np.float32)
    divisors = np.where(scales > 0, scales, 1).astype(np.float64)
    codes = np.clip(np.rint(numbers / divisors[..., None]), -LARGEST, LARGEST).astype(np.int8)
    return codes, scales


def decode(codes: Codes, scales: Scales) -> Floats:
    """Return the vectors, [head, token, size]."""
    return codes.astype(np.float64) * scales.astype(np.float64)[..., None]


def attention_of(
    queries: NDArray[np.floating], keys: NDArray[np.floating], scale: float, reach: tuple[int, int]
) -> Floats:
    """Compute the attention that vectors make, [head, query, key].

    Args:
        queries: [head, token, size].
        keys: As `queries`.
        scale: Factor of the scores.
        reach: How far a query sees back and ahead, in tokens.

    Source: Vaswani et al. 2017, eq. 1.
    """
    scores: Floats = scale * (queries.astype(np.float64) @ keys.astype(np.float64).swapaxes(-1, -2))
    ahead = np.arange(scores.shape[-1]) - np.arange(scores.shape[-1])[:, None]
    scores[:, (ahead < -reach[0]) | (ahead > reach[1])] = -np.inf
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    made: Floats = weights / weights.sum(axis=-1, keepdims=True)
    return made
