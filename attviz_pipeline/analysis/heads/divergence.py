"""Jensen-Shannon divergence between heads: how differently they spread self-attention over the tokens of a document.

Within one document each head's self-attention, divided by its sum over the tokens, is a distribution over the tokens.
Two of them, p and q, differ by JS(p, q) = H((p + q) / 2) - (H(p) + H(q)) / 2, where H is the entropy. In bits it lies
between 0 (equal) and 1 (no token in common). The distance of two heads is the square root of the mean over documents,
which is a metric as the square root of each document's divergence is.

Source: Lin 1991, "Divergence measures based on the Shannon entropy"; used between attention heads by Clark, Khandelwal,
Levy and Manning 2019, "What does BERT look at?", section 6, there over whole rows of attention.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Stands for 0 under the logarithm: 0 log 0 is 0, and so is this times its logarithm.
NOTHING = 1e-300
ROUNDING = 1e-13


def token_distributions(attention: Floats) -> Floats:
    """Divide the self-attention of each head by its sum over the tokens.

    Args:
        attention: Self-attention to the tokens of one document, special ones left out, [head, token], 0..1.

    Returns:
        [head, token]; rows sum to 1. A head without any self-attention prefers no token: all get 1 / n.
    """
    totals = attention.sum(axis=1, keepdims=True)
    even = np.full_like(attention, 1 / attention.shape[1])
    distributions: Floats = np.divide(attention, totals, out=even, where=totals > 0)
    return distributions


def jensen_shannon(distributions: Floats) -> Floats:
    """Compute the Jensen-Shannon divergence between every pair of heads.

    Args:
        distributions: [..., head, token]; sums over tokens are 1.

    Returns:
        [..., pair] in bits, 0..1; pairs in the order of `numpy.triu_indices(n_heads, 1)`.

    Source: see the module.
    """
    positive = np.maximum(distributions, NOTHING)
    n_heads = distributions.shape[-2]
    negative_entropies = _sum_of_p_log_p(positive)
    blocks = [np.empty((*distributions.shape[:-2], 0))]
    for head in range(n_heads - 1):
        # Of two times the mixture, so that no array has to be halved: it sums to 2, whose logarithm is 1.
        mixtures = _sum_of_p_log_p(positive[..., head : head + 1, :] + positive[..., head + 1 :, :])
        apart = negative_entropies[..., head : head + 1] + negative_entropies[..., head + 1 :]
        blocks.append(1 - mixtures / 2 + apart / 2)
    divergences: Floats = np.minimum(np.concatenate(blocks, axis=-1), 1)
    # Of equal distributions rounding leaves something near 0, whose root would look like a distance.
    return np.where(divergences < ROUNDING, 0, divergences)


def _sum_of_p_log_p(positive: Floats) -> Floats:
    sums: Floats = np.einsum("...t,...t->...", positive, np.log2(positive))
    return sums
