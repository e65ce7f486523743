"""Attention by the offset between query and key: sums over the diagonals of matrices."""

import torch
from torch import Tensor
from torch.nn import functional

from attviz_pipeline.artifacts.offsets import OFFSET_BINS
from attviz_pipeline.attention.windows import Window


def offset_sums(matrix: Tensor, window: Window) -> Tensor:
    """Sum the attention between tokens of text by the offset from query to key.

    Queries are the tokens that the document keeps, so that each token is a query once. Special tokens are excluded as
    queries and keys, because they are at the ends of the text at any offset.

    Args:
        matrix: [head, query, key].
        window: The window of the matrix.

    Returns:
        [head, bin], in the order of `OFFSET_BINS`.
    """
    n_tokens = matrix.shape[-1]
    text = ~torch.tensor(window.special, dtype=torch.bool, device=matrix.device)
    places = torch.arange(n_tokens, device=matrix.device)
    queries = text & (places >= window.first) & (places < window.stop)
    kept = matrix * queries[:, None] * text
    # Pad rows to 2 n - 1 entries, prepend n zeros, and reshape to rows of 2 n: every column is then one offset.
    padded = functional.pad(functional.pad(kept, (0, n_tokens - 1)).flatten(-2), (n_tokens, 0))
    by_offset = padded.reshape(len(matrix), n_tokens, 2 * n_tokens).sum(dim=-2, dtype=torch.float64)
    bins = [by_offset[:, max(0, first + n_tokens) : max(0, last + n_tokens + 1)] for first, last in OFFSET_BINS]
    return torch.stack([offsets.sum(dim=-1) for offsets in bins], dim=-1)


def offset_pairs(window: Window) -> Tensor:
    """Count the pairs of query and key in each bin, [bin]."""
    return offset_sums(torch.ones(1, window.n_tokens, window.n_tokens), window)[0].long()
