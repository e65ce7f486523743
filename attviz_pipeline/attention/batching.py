"""Batches of windows of similar length with little padding, and calibration of the batch size."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from statistics import median

from attviz_pipeline.attention.windows import Window
from attviz_pipeline.faults import is_out_of_memory

logger = logging.getLogger(__name__)

LEAST_FILL = 0.8  # minimum length of a window, as a share of the longest window of the batch
BUDGETS = tuple(1 << exponent for exponent in range(9, 18))
WORTHWHILE = 0.97  # a larger batch must save 3 % of the time per token
N_TIMED = 3


def batch_windows(windows: Sequence[Window], tokens_per_batch: int) -> Iterator[list[int]]:
    """Yield batches as indices of windows, longest first, within the token budget and with little padding.

    Batches depend only on the windows and the budget, so results do not depend on the sharding of documents.

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
    """Find the smallest token budget with nearly the maximum speed of the device.

    Args:
        read: Reads one batch and waits for the result.
        windows: Some inputs of the run; the window of median length is used for timing.
        clock: Returns seconds.

    Returns:
        Tokens per batch; the smallest budget if no larger one fits into memory or is faster.
    """
    sample: Window = sorted(windows, key=lambda window: window.n_tokens)[len(windows) // 2]
    best, least = BUDGETS[0], float("inf")
    n_before = 0
    for budget in BUDGETS:
        n_windows = max(1, budget // sample.n_tokens)
        if n_windows == n_before:  # the same batch as with the previous budget
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


def _seconds(run: Callable[[], object], clock: Callable[[], float]) -> float:
    run()  # warm-up: the first run of a shape is slower
    durations = []
    for _ in range(N_TIMED):
        start = clock()
        run()
        durations.append(clock() - start)
    return median(durations)
