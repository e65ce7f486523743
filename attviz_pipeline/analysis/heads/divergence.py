"""Jensen-Shannon divergence between heads: how differently they distribute self-attention over a document's tokens.

In one document the self-attention of a head, divided by its sum over the tokens, is a distribution over the tokens. The
divergence of two distributions p and q is JS(p, q) = H((p + q) / 2) - (H(p) + H(q)) / 2, where H is the entropy. In
bits it lies between 0 (equal) and 1 (no token in common). The distance of two heads is the square root of the mean
divergence over documents. It is a metric because the square root of each document's divergence is one.

Source: Lin 1991, "Divergence measures based on the Shannon entropy"; applied to attention heads by Clark, Khandelwal,
Levy and Manning 2019, "What does BERT look at?", section 6, there to whole rows of attention.
"""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Replaces 0 in logarithms: its product with its logarithm is negligible, as 0 log 0 is 0 by definition.
SMALLEST_PROBABILITY = {np.dtype(np.float64): 1e-300, np.dtype(np.float32): 1e-30}
ROUNDING = {np.dtype(np.float64): 1e-13, np.dtype(np.float32): 2e-6}


def token_distributions(attention: Floats) -> Floats:
    """Divide the self-attention of each head by its sum over the tokens.

    Args:
        attention: Self-attention of the tokens of one document, without special tokens, [head, token], 0..1.

    Returns:
        [head, token]; rows sum to 1. A head without any self-attention has the uniform distribution, 1 / n.
    """
    totals = attention.sum(axis=1, keepdims=True)
    even = np.full_like(attention, 1 / attention.shape[1])
    distributions: Floats = np.divide(attention, totals, out=even, where=totals > 0)
    return distributions


def jensen_shannon(distributions: NDArray[np.floating]) -> Floats:
    """Compute the Jensen-Shannon divergence between every pair of heads.

    Args:
        distributions: [..., head, token]; sums over tokens are 1. Single precision takes a third of the time and is off
            by up to 2e-6.

    Returns:
        [..., pair] in bits, 0..1; pairs in the order of `numpy.triu_indices(n_heads, 1)`.

    Source: see the module.
    """
    positive = np.maximum(distributions, SMALLEST_PROBABILITY[distributions.dtype], dtype=distributions.dtype)
    n_heads = distributions.shape[-2]
    negative_entropies = _sum_of_p_log_p(positive)
    blocks = [np.empty((*distributions.shape[:-2], 0))]
    for head in range(n_heads - 1):
        # Computed for twice the mixture, which avoids halving an array: it sums to 2, whose binary logarithm is 1.
        mixtures = _sum_of_p_log_p(positive[..., head : head + 1, :] + positive[..., head + 1 :, :])
        apart = negative_entropies[..., head : head + 1] + negative_entropies[..., head + 1 :]
        blocks.append(1 - mixtures / 2 + apart / 2)
    divergences: Floats = np.minimum(np.concatenate(blocks, axis=-1, dtype=np.float64), 1)
    # Rounding errors of equal distributions are set to 0, because their square root would not be negligible.
    return np.where(divergences < ROUNDING[distributions.dtype], 0, divergences)


def _sum_of_p_log_p(positive: NDArray[np.floating]) -> NDArray[np.floating]:
    # NumPy's natural logarithm takes half the time of its binary one.
    sums: NDArray[np.floating] = np.einsum("...t,...t->...", positive, np.log(positive)) / math.log(2)
    return sums
