"""Rounding of stored values to fewer bits, so that files compress better."""

import numpy as np
import numpy.typing as npt

MANTISSA_BITS = 23  # of float32


def round_mantissa(values: npt.NDArray[np.float32], n_bits: int) -> npt.NDArray[np.float32]:
    """Round to nearest, ties to even, and set the dropped bits to zero, so that they compress well.

    Args:
        values: Finite, not negative, C-contiguous, any shape.
        n_bits: Number of mantissa bits to keep, at most 23; the relative error is at most 2 ** -(n_bits + 1).

    Returns:
        float32 of the same shape; 0 and 1 are unchanged, and values between them stay in 0..1.
    """
    n_dropped = MANTISSA_BITS - n_bits
    if n_dropped == 0:
        return values
    bits = values.view(np.uint32)
    last_kept = bits >> np.uint32(n_dropped) & np.uint32(1)
    nearest = bits + np.uint32((1 << n_dropped - 1) - 1) + last_kept
    return (nearest >> np.uint32(n_dropped) << np.uint32(n_dropped)).view(np.float32)
