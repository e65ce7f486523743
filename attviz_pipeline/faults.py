"""Recognise faults of the machine by the exceptions that libraries raise, without importing torch."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from attviz_pipeline.environment import missing_module
from attviz_pipeline.errors import ResourceError

OUT_OF_MEMORY = ("out of memory", "DefaultCPUAllocator", "_STATUS_ALLOC_FAILED")
NOT_WRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EEXIST}
LOST_DEVICE = ("CUDA error", "CUDA driver error", "cuDNN error", "CUBLAS_STATUS")


def is_out_of_memory(fault: BaseException) -> bool:
    """Whether memory ran out; torch has no single exception for this and often raises a plain RuntimeError."""
    return isinstance(fault, MemoryError) or (isinstance(fault, RuntimeError) and _says(fault, OUT_OF_MEMORY))


def is_lost_device(fault: BaseException) -> bool:
    """Whether a GPU failed or disappeared; all later GPU operations of the process fail, too."""
    return isinstance(fault, RuntimeError) and _says(fault, LOST_DEVICE) and not is_out_of_memory(fault)


def too_long_for_memory(n_tokens: int) -> ResourceError:
    """Return the error for a single input that does not fit into memory."""
    return ResourceError(
        f"out of memory on a single input of {n_tokens} tokens: "
        "lower model.max_tokens, or use a machine with more memory."
    )


def machine_fault(fault: BaseException) -> ResourceError | None:
    """Return the error and remedy for a lack of memory or a failed GPU, or None for any other exception."""
    if is_out_of_memory(fault):
        return ResourceError(
            "out of memory.",
            remedy="Nothing half-written was kept. Use a machine or GPU with more memory, more shards "
            "(documents.n_shards), fewer documents (documents.max_documents), shorter inputs (model.max_tokens), "
            "or train on fewer texts at once (training.batch_size).",
        )
    if is_lost_device(fault):
        reason = str(fault).splitlines()[0]
        return ResourceError(
            f"the GPU failed: {reason}",
            remedy="Finished results are kept. Run the same command again; if it happens again, choose another GPU "
            "(CUDA_VISIBLE_DEVICES=<number>) or none (CUDA_VISIBLE_DEVICES=-1).",
        )
    return None


@contextmanager
def explained() -> Iterator[None]:
    """Turn exceptions that the machine causes into errors with a remedy; let all others through.

    Raises:
        ResourceError: The machine lacks memory, a GPU, a Python package or a place to write.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as fault:
        error = machine_fault(fault)
        if error is None:
            raise
        raise error from None
    except ModuleNotFoundError as fault:
        raise missing_module(fault) from None
    except OSError as fault:
        if fault.errno not in NOT_WRITABLE:
            raise
        where, why = fault.filename or "the output folder", fault.strerror or os.strerror(fault.errno)
        raise ResourceError(f"cannot write {where}: {why}.", remedy="Nothing half-written was kept.") from None


def _says(fault: BaseException, signs: tuple[str, ...]) -> bool:
    return any(sign in str(fault) for sign in signs)
