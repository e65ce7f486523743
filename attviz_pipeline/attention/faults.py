"""Telling apart what goes wrong on a device."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from attviz_pipeline.errors import ResourceError

LOST_DEVICE = ("CUDA error", "CUDA driver error", "cuDNN error", "CUBLAS_STATUS")


def is_out_of_memory(fault: BaseException) -> bool:
    """Whether memory ran out, for which torch has no single exception: on the CPU it is a plain RuntimeError."""
    return isinstance(fault, torch.OutOfMemoryError | MemoryError) or "DefaultCPUAllocator" in str(fault)


def is_lost_device(fault: BaseException) -> bool:
    """Whether a GPU failed or went away; whatever the process asks of it afterwards fails, too."""
    return isinstance(fault, torch.AcceleratorError) or any(sign in str(fault) for sign in LOST_DEVICE)


def too_long_for_memory(n_tokens: int) -> ResourceError:
    """Say that not even a single input fits."""
    return ResourceError(
        f"out of memory on a single input of {n_tokens} tokens: "
        "lower model.max_tokens, or use a machine with more memory."
    )


@contextmanager
def lost_device_reported() -> Iterator[None]:
    """Turn the failure of a GPU within the block into a message.

    Raises:
        ResourceError: The GPU failed or went away.
    """
    try:
        yield
    except RuntimeError as fault:
        if not is_lost_device(fault):
            raise
        reason = str(fault).splitlines()[0]
        raise ResourceError(
            f"the GPU failed: {reason}",
            remedy="Finished shards stay. Run the same command again; if it happens again, choose another GPU "
            "(CUDA_VISIBLE_DEVICES) or set attention.device: cpu.",
        ) from None
