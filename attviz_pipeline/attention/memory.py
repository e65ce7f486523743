"""Telling lack of memory from other faults."""

import torch


def is_out_of_memory(fault: BaseException) -> bool:
    """Whether memory ran out, for which torch has no single exception: on the CPU it is a plain RuntimeError."""
    return isinstance(fault, torch.OutOfMemoryError | MemoryError) or "DefaultCPUAllocator" in str(fault)
