"""How the self-attention of a head is distributed, beside that of all heads."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.artifacts.histogram import BINS_PER_DECADE, LOWEST_DECADE, bin_edges
from attviz_pipeline.formats import significant


@dataclass(frozen=True)
class TickView:
    """A labelled place on the histogram's axis, in drawing units."""

    x: float
    label: str


@dataclass(frozen=True)
class HistogramView:
    """A head's distribution against that of all heads, as two paths in a drawing of `width` x `height`."""

    width: int
    height: int
    head_path: str
    all_path: str
    ticks: list[TickView]
    median: float
    median_x: float
    rows: list[tuple[str, float, float]]


def histogram_view(counts: NDArray[np.int64], together: NDArray[np.int64], top: float) -> HistogramView:
    """Draw a head's distribution over log10 of self-attention against that of all heads.

    Args:
        counts: Tokens of the head per bin.
        together: Tokens of all heads per bin.
        top: Share at the upper end of the axis, which all pages have in common.
    """
    width, height = 640, 160
    shares, all_shares = counts / max(counts.sum(), 1), together / max(together.sum(), 1)
    x = np.linspace(0, width, len(counts) + 1)
    ticks = [TickView(round(float(x[1 + BINS_PER_DECADE * d]), 1), _power(LOWEST_DECADE + d)) for d in range(1, 8)]
    median_bin = int(np.searchsorted(np.cumsum(shares), 0.5))
    edges = bounds()
    return HistogramView(
        width=width,
        height=height,
        head_path=_steps(x, height * (1 - shares / top)) + f"V{height}H0Z",
        all_path=_steps(x, height * (1 - all_shares / top)),
        ticks=ticks,
        median=math.sqrt(max(edges[median_bin], 1e-8) * edges[median_bin + 1]) if counts.sum() else 0.0,
        median_x=round(float(x[median_bin] + x[median_bin + 1]) / 2, 1),
        rows=_by_decade(shares, all_shares),
    )


def highest_share(histograms: Sequence[Sequence[int]]) -> float:
    """Largest share of a head's tokens in one bin, over all heads: the upper end of the axis of their pages."""
    return max((max(counts) / max(sum(counts), 1) for counts in histograms), default=1.0) or 1.0


def _steps(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    pieces = [f"V{value:.1f}H{right:.1f}" for value, right in zip(y, x[1:], strict=True)]
    return f"M0 {y[0]:.1f}" + "".join(pieces)


def _power(exponent: int) -> str:
    return "1" if exponent == 0 else significant(10.0**exponent, 1)


def _by_decade(shares: NDArray[np.float64], all_shares: NDArray[np.float64]) -> list[tuple[str, float, float]]:
    rows = [(f"below {_power(LOWEST_DECADE)}", float(shares[0]), float(all_shares[0]))]
    for start in range(1, len(shares), BINS_PER_DECADE):
        decade = LOWEST_DECADE + start // BINS_PER_DECADE
        bins = slice(start, start + BINS_PER_DECADE)
        label = f"{_power(decade)} to {_power(decade + 1)}"
        rows.append((label, float(shares[bins].sum()), float(all_shares[bins].sum())))
    return [row for row in rows if row[1] or row[2]]


def bounds() -> NDArray[np.float64]:
    """Lower edges of the histogram's bins and the upper edge of the last; the first bin begins at 0, [bin + 1]."""
    return np.concatenate([[0.0], bin_edges(), [1.0]])
