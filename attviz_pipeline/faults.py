"""Telling apart what goes wrong on a machine, by what libraries say: torch need not be there to be asked."""

from attviz_pipeline.errors import ResourceError

OUT_OF_MEMORY = ("out of memory", "DefaultCPUAllocator", "_STATUS_ALLOC_FAILED")
LOST_DEVICE = ("CUDA error", "CUDA driver error", "cuDNN error", "CUBLAS_STATUS")


def is_out_of_memory(fault: BaseException) -> bool:
    """Whether memory ran out, for which torch has no single exception: often it is a plain RuntimeError."""
    return isinstance(fault, MemoryError) or (isinstance(fault, RuntimeError) and _says(fault, OUT_OF_MEMORY))


def is_lost_device(fault: BaseException) -> bool:
    """Whether a GPU failed or went away; whatever the process asks of it afterwards fails, too."""
    return isinstance(fault, RuntimeError) and _says(fault, LOST_DEVICE) and not is_out_of_memory(fault)


def too_long_for_memory(n_tokens: int) -> ResourceError:
    """Say that not even a single input fits."""
    return ResourceError(
        f"out of memory on a single input of {n_tokens} tokens: "
        "lower model.max_tokens, or use a machine with more memory."
    )


def machine_fault(fault: BaseException) -> ResourceError | None:
    """Say what a user can do about a lack of memory or a failed GPU; None of any other fault."""
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
            remedy="What is finished stays. Run the same command again; if it happens again, choose another GPU "
            "(CUDA_VISIBLE_DEVICES=<number>) or none (CUDA_VISIBLE_DEVICES=-1).",
        )
    return None


def _says(fault: BaseException, signs: tuple[str, ...]) -> bool:
    return any(sign in str(fault) for sign in signs)
