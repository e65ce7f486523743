"""Keeping as many bits of a value as are worth their place on disk."""

import numpy as np
import numpy.typing as npt

MANTISSA_BITS = 23  # of float32


def round_mantissa(values: npt.NDArray[np.float32], n_bits: int) -> npt.NDArray[np.float32]:
    """Round to nearest, ties to even, so that the dropped bits are zero and compress to nothing.

    Args:
        values: Finite, not negative, C-contiguous, any shape.
        n_bits: Bits kept of the 23 behind the leading one; the relative error is at most 2 ** -(n_bits + 1).

    Returns:
        float32 of the same shape; 0 and 1 stay what they are, and nothing in between leaves 0..1.
    """
    n_dropped = MANTISSA_BITS - n_bits
    if n_dropped == 0:
        return values
    bits = values.view(np.uint32)
    last_kept = bits >> np.uint32(n_dropped) & np.uint32(1)
    nearest = bits + np.uint32((1 << n_dropped - 1) - 1) + last_kept
    return (nearest >> np.uint32(n_dropped) << np.uint32(n_dropped)).view(np.float32)
