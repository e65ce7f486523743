"""Doing the next thing while the last one is still being used, or made."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor

Item = TypeVar("Item")
_END = object()


def one_ahead(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the items in order; while the caller uses one, a thread makes the next.

    At most one item waits, so memory stays bounded. What fails in the thread is raised here; when the caller stops,
    the thread ends with the item it is at.
    """
    iterator = iter(items)
    with ThreadPoolExecutor(max_workers=1) as thread:
        coming = thread.submit(next, iterator, _END)
        while (item := coming.result()) is not _END:
            coming = thread.submit(next, iterator, _END)
            yield item  # type: ignore[misc]


def one_behind(items: Iterable[Item]) -> Iterator[Item]:
    """Yield each item when the next one has been made."""
    iterator = iter(items)
    for item in iterator:
        before = item
        for following in iterator:
            yield before
            before = following
        yield before


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Copy a tensor of the computer's memory; to a GPU without waiting for it, which takes pages that stay in place."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
