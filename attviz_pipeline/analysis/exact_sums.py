"""Sums that do not depend on the order or the sharding of the values.

Floating-point addition rounds, so two shardings of one corpus would differ in the last bits. Here each value is split
once into integer limbs of 30 bits, and integers add exactly. Limb k of n, counted from the least significant, has the
weight 2^(30 (k - n)). Each limb is at most 2^30 and each sum is an int64, so up to 2^33 values can be added without
overflow, more than any vocabulary entry or head has.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LIMB_BITS = 30
LIMB = 2.0**LIMB_BITS
SUM_LIMBS = 2
SQUARE_LIMBS = 3
# After carrying, and summed over up to 2^8 heads of up to 2^33 occurrences each: 60 + 41 and 90 + 41 bits.
CARRIED_SUM_LIMBS = 4
CARRIED_SQUARE_LIMBS = 5
COUNT_LIMBS = 2


def to_limbs(values: Floats, n_limbs: int) -> Integers:
    """Split numbers into limbs, rounding to the nearest multiple of 2^(-30 n_limbs).

    Args:
        values: Any shape, 0..1.
        n_limbs: `SUM_LIMBS` for values (exact for single precision from 2^-37 on), `SQUARE_LIMBS` for their squares.

    Returns:
        [limb, ...], each 0..2^30.
    """
    limbs = np.empty((n_limbs, *values.shape), dtype=np.int64)
    rest = values
    for limb in range(n_limbs - 1, 0, -1):
        scaled = rest * LIMB
        whole = np.floor(scaled)
        limbs[limb] = whole
        rest = scaled - whole
    limbs[0] = np.rint(rest * LIMB)
    return limbs


def carry(limbs: Integers, n_limbs: int) -> Integers:
    """Bring limb sums to their unique normal form: every limb but the highest in 0..2^30-1.

    Equal totals have equal normal forms, so results computed from them do not depend on the order of summation.

    Args:
        limbs: [limb, ...], of either sign.
        n_limbs: Number of limbs of the result, at least that of `limbs`; the highest limb has the sign.

    Returns:
        [n_limbs, ...].
    """
    normal = np.zeros((n_limbs, *limbs.shape[1:]), dtype=np.int64)
    normal[: len(limbs)] = limbs
    for limb in range(n_limbs - 1):
        normal[limb + 1] += normal[limb] >> LIMB_BITS
        normal[limb] &= (1 << LIMB_BITS) - 1
    return normal


def to_float(limbs: Integers) -> Floats:
    """Convert non-negative normal limbs to the integers they represent, within a few units in the last place."""
    total = np.zeros(limbs.shape[1:])
    for limb in reversed(limbs):
        total = total * LIMB + limb
    return total


def mean(sums: Integers, count: Integers) -> Floats:
    """Mean of the summed values; 0 where there is none.

    Args:
        sums: Limb sums of the values, [limb, ...].
        count: Number of values summed, [...].
    """
    total = to_float(carry(sums, CARRIED_SUM_LIMBS)) * LIMB**-SUM_LIMBS
    return total / np.maximum(count, 1)


def std(sums: Integers, squares: Integers, count: Integers) -> Floats:
    """Sample standard deviation of the summed values, divided by n - 1; 0 where there are fewer than two.

    Computed from n sum(x^2) - sum(x)^2 in integers, so that there is no cancellation error.

    Args:
        sums: Limb sums of the values, [limb, ...].
        squares: Limb sums of their squares, [limb, ...].
        count: Number of values summed, [...].
    """
    first = carry(sums, CARRIED_SUM_LIMBS)
    second = _multiply(carry(squares, CARRIED_SQUARE_LIMBS), carry(count[None], COUNT_LIMBS))
    spread = -_multiply(first, first)
    # Squares are in units of 2^-90, squared sums in units of 2^-120: one limb lower.
    spread[1:] += second
    spread = carry(spread, len(spread))
    # Squares are rounded to 2^-90, so the spread of equal values can be slightly negative.
    spread = np.where(spread[-1] < 0, 0, spread)
    pairs = count.astype(np.float64) * np.maximum(count - 1, 0)
    scale = LIMB ** (-2 * SUM_LIMBS)
    return np.where(pairs > 0, np.sqrt(to_float(spread) / np.maximum(pairs, 1) * scale), 0.0)


def _multiply(left: Integers, right: Integers) -> Integers:
    # At most five products below 2^60 are added in one limb, so none overflows before carrying.
    product = np.zeros((len(left) + len(right), *left.shape[1:]), dtype=np.int64)
    for i, one in enumerate(left):
        for j, other in enumerate(right):
            product[i + j] += one * other
    return carry(product, len(product))
