"""The paper's aggregates of self-attention (Škrlj et al., AttViz, Table 2), each a function of one matrix.

Every function takes `attention`, [head, token]: the self-attention of h heads (all layers' heads stacked) to m tokens,
0..1, float64. It returns one value per token, [token].
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def mean(attention: Floats) -> Floats:
    """Mean over heads, (1/h) sum_i A_ij, 0..1.

    Source: Škrlj et al., Table 2, "Mean".
    """
    values: Floats = attention.mean(axis=0)
    return values


def entropy(attention: Floats) -> Floats:
    """Entropy over heads, -(1/m_j) sum_i A_ij ln A_ij, in nats, >= 0.

    m_j is the number of distinct values in column j, as in the paper; 0 ln 0 counts as 0.

    Source: Škrlj et al., Table 2, "Entropy".
    """
    positive = np.where(attention > 0, attention, 1.0)
    total = -(positive * np.log(positive)).sum(axis=0)
    # A column of ones sums to -0.0; adding zero makes that a plain 0.
    values: Floats = total / count_distinct(attention) + 0.0
    return values


def std(attention: Floats) -> Floats:
    """Sample standard deviation over heads, sqrt((1/(h-1)) sum_i (A_ij - mean_j)^2), >= 0; 0 where h = 1.

    Source: Škrlj et al., Table 2, "Standard deviation".
    """
    n_rows = attention.shape[0]
    if n_rows == 1:
        return np.zeros(attention.shape[1])
    values: Floats = attention.std(axis=0, ddof=1)
    return values


def maximum(attention: Floats) -> Floats:
    """Largest value over heads, max_i A_ij, 0..1.

    Source: Škrlj et al., Table 2, "Elementwise Max".
    """
    values: Floats = attention.max(axis=0)
    return values


def minimum(attention: Floats) -> Floats:
    """Smallest value over heads, min_i A_ij, 0..1.

    Source: Škrlj et al., Table 2, "Elementwise Min".
    """
    values: Floats = attention.min(axis=0)
    return values


def count_distinct(attention: Floats) -> NDArray[np.int64]:
    """Count the distinct values of every column: the m_j of the paper's entropy."""
    ordered = np.sort(attention, axis=0)
    counts: NDArray[np.int64] = 1 + np.count_nonzero(np.diff(ordered, axis=0), axis=0)
    return counts
