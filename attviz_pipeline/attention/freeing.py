"""Memory that does not grow with the number of documents: little is kept, and what was freed goes back."""

import ctypes
import os

KERNELS_KEPT = 16  # several times what one batch needs; making one anew takes 0.2 ms
TOKENS_BETWEEN = 4_096  # a second of a small model on two cores; a return takes 1 to 20 ms


def keep_few_kernels() -> None:
    """Have oneDNN, which compiles its kernels for one shape of input each, keep those of the last few batches only.

    By default it keeps 1,024 of them, and batches have hundreds of shapes. Kernels are small, but each lies where it
    was made, among the tensors of a forward pass, and breaks up the memory that these leave. What the environment
    says already stands; it is read when a process makes its first kernel.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(KERNELS_KEPT))


class FreedMemory:
    """Has the C library return what no one uses, where it can (glibc).

    The tensors of a forward pass come in as many sizes as batches have shapes. Freed, they leave gaps that later ones
    do not fit, and without this a process grows with the number of documents though it holds no more of them.
    """

    def __init__(self) -> None:
        """Find out whether this system can."""
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        self._n_tokens = 0

    def count(self, n_tokens: int) -> None:
        """Say that so many tokens were read; now and then that is the moment."""
        self._n_tokens += n_tokens
        if self._trim is not None and self._n_tokens >= TOKENS_BETWEEN:
            self._n_tokens = 0
            self._trim(0)
