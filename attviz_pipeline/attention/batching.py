"""Grouping windows of similar length, so that little of a batch is padding."""

from collections.abc import Iterator, Sequence

from attviz_pipeline.attention.windows import Window


def batch_windows(windows: Sequence[Window], tokens_per_batch: int) -> Iterator[list[int]]:
    """Yield indices of windows, longest first, as many at a time as the token budget allows.

    A batch depends on the windows given and the budget alone, so results do not depend on how documents are sharded.

    Args:
        windows: The windows of one block.
        tokens_per_batch: Upper bound of batch size times longest window; a longer single window is a batch of its own.
    """
    order = sorted(range(len(windows)), key=lambda index: (-windows[index].n_tokens, index))
    start = 0
    while start < len(order):
        size = max(1, tokens_per_batch // windows[order[start]].n_tokens)
        yield order[start : start + size]
        start += size
