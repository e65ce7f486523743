"""Grouping windows of similar length, so that little of a batch is padding; and finding out how many at a time."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from statistics import median

from attviz_pipeline.attention.windows import Window
from attviz_pipeline.faults import is_out_of_memory

logger = logging.getLogger(__name__)

LEAST_FILL = 0.8  # a window shorter than this share of the longest would be padding for the rest
BUDGETS = tuple(1 << exponent for exponent in range(9, 18))
WORTHWHILE = 0.97  # a larger batch must save 3 % of the time per token
N_TIMED = 3


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


def calibrate(
    read: Callable[[Sequence[Window]], object],
    windows: Sequence[Window],
    clock: Callable[[], float] = time.perf_counter,
) -> int:
    """Find the smallest token budget with which a device reads about as fast as it can.

    Args:
        read: Reads one batch to its end.
        windows: Some inputs of the run; the one of middle length is read, again and again.
        clock: Returns seconds.

    Returns:
        Tokens per batch; the smallest budget if none larger fits into memory or is worth it.
    """
    sample: Window = sorted(windows, key=lambda window: window.n_tokens)[len(windows) // 2]
    best, least = BUDGETS[0], float("inf")
    n_before = 0
    for budget in BUDGETS:
        n_windows = max(1, budget // sample.n_tokens)
        if n_windows == n_before:  # the same batch as with the budget before
            continue
        n_before = n_windows
        try:
            taken = _seconds(partial(read, [sample] * n_windows), clock) / n_windows
        except (RuntimeError, MemoryError) as fault:
            if not is_out_of_memory(fault):
                raise
            break
        if taken > least * WORTHWHILE:
            break
        best, least = budget, taken
    logger.info("calibrated on inputs of %d tokens: attention.tokens_per_batch is %d", sample.n_tokens, best)
    return best


def _seconds(way: Callable[[], object], clock: Callable[[], float]) -> float:
    way()  # the first run of a shape sets things up
    taken = []
    for _ in range(N_TIMED):
        start = clock()
        way()
        taken.append(clock() - start)
    return median(taken)
