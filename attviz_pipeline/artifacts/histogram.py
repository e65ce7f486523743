"""The bins of the histograms of self-attention, for whoever counts into them and whoever draws them."""

import numpy as np
from numpy.typing import NDArray

LOWEST_DECADE = -8
BINS_PER_DECADE = 10
N_BINS = 1 - LOWEST_DECADE * BINS_PER_DECADE
"""One bin for all below the lowest decade, then ten per decade up to 1."""


def bin_edges() -> NDArray[np.float32]:
    """Return the lower edges of all bins but the first: 1e-8 and every tenth of a decade up to below 1, [bin - 1].

    In single precision, like the values: whether a value lies in a bin is then a plain comparison on every machine.
    """
    exponents = LOWEST_DECADE + np.arange(N_BINS - 1) / BINS_PER_DECADE
    return np.power(10.0, exponents).astype(np.float32)
