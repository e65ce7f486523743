"""Range and medians of self-attention in a study: the reference of the colours on document pages."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.artifacts.histogram import BINS_PER_DECADE, LOWEST_DECADE
from attviz_pipeline.report.views.heads import HeadView, value_range

HALF = 0.5


@dataclass(frozen=True)
class DatasetScale:
    """Reference values of a study, the same on all pages.

    Args:
        value_range: The ends of the colour scale.
        medians: Median of each head over all tokens but special ones, [row].
    """

    value_range: tuple[float, float]
    medians: NDArray[np.float64]


def dataset_scale(heads: Sequence[HeadView]) -> DatasetScale:
    """Summarise all heads, in the order of their rows."""
    return DatasetScale(value_range(heads), np.array([median(head.histogram) for head in heads]))


def median(histogram: Sequence[int]) -> float:
    """Estimate the median from a histogram of self-attention, 0..1; 0 where nothing was counted.

    Within its bin, a tenth of a decade, it is interpolated on the logarithmic scale: off by less than 12 %.
    """
    counts = np.asarray(histogram, np.float64)
    reached = np.cumsum(counts)
    if not reached[-1]:
        return 0.0
    index = int(np.searchsorted(reached, HALF * reached[-1]))
    share = (HALF * reached[-1] - (reached[index] - counts[index])) / counts[index]
    return float(10.0 ** (LOWEST_DECADE + (index - 1 + share) / BINS_PER_DECADE)) if index else 0.0
