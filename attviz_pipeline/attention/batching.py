"""Grouping windows of similar length, so that little of a batch is padding."""

from collections.abc import Iterator, Sequence

from attviz_pipeline.attention.windows import Window

LEAST_FILL = 0.8  # a window shorter than this share of the longest would be padding for the rest


def batch_windows(windows: Sequence[Window], tokens_per_batch: int) -> Iterator[list[int]]:
    """Yield indices of windows, longest first, as many at a time as the token budget allows without much padding.

    A batch depends on the windows given and the budget alone, so results do not depend on how documents are sharded.

    Args:
        windows: The windows of one block.
        tokens_per_batch: Upper bound of batch size times longest window; a longer single window is a batch of its own.
    """
    order = sorted(range(len(windows)), key=lambda index: (-windows[index].n_tokens, index))
    start = 0
    while start < len(order):
        longest = windows[order[start]].n_tokens
        candidates = order[start : start + max(1, tokens_per_batch // longest)]
        batch = [index for index in candidates if windows[index].n_tokens >= LEAST_FILL * longest]
        yield batch
        start += len(batch)
