"""Iterators that overlap the production of items with their use."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor

Item = TypeVar("Item")
_END = object()


def one_ahead(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the items in order; while the caller uses one, a thread produces the next.

    At most one item waits, so memory is bounded. An exception in the thread is raised here. If the caller stops early,
    the thread ends after its current item.
    """
    iterator = iter(items)
    with ThreadPoolExecutor(max_workers=1) as thread:
        coming = thread.submit(next, iterator, _END)
        while (item := coming.result()) is not _END:
            coming = thread.submit(next, iterator, _END)
            yield item  # type: ignore[misc]


def one_behind(items: Iterable[Item]) -> Iterator[Item]:
    """Yield each item after the next one has been produced."""
    iterator = iter(items)
    for item in iterator:
        before = item
        for following in iterator:
            yield before
            before = following
        yield before


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Copy a tensor from host memory to a device; to a GPU asynchronously, which requires pinned memory."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
