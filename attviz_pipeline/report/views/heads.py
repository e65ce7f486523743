"""The layer x head grid."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.report import links
from attviz_pipeline.report.views.histogram import bounds
from attviz_pipeline.report.views.study import StudyView

RANGE_QUANTILES = (0.05, 0.99)


@dataclass(frozen=True)
class HeadView:
    """One head in the grid: moments over all tokens but special ones."""

    layer: int
    head: int
    count: int
    mean: float
    std: float
    min: float
    max: float
    page: str
    histogram: list[int]


@dataclass(frozen=True)
class HeadsView:
    """The page of all heads; `rows` is [layer][head]."""

    rows: list[list[HeadView]]
    strongest: HeadView
    weakest: HeadView
    most_varied: HeadView


def read_heads(path: Path) -> list[HeadView]:
    """Read the moments of all heads, by layer and head."""
    rows = files.read_table(path, statistics_schemas.HEADS).to_pylist()
    return [HeadView(**row, page=links.head(row["layer"], row["head"])) for row in rows]


def heads_view(heads: Sequence[HeadView], study: StudyView) -> HeadsView:
    """Put together the page of all heads."""
    n = study.n_heads
    return HeadsView(
        rows=[list(heads[start : start + n]) for start in range(0, len(heads), n)],
        strongest=max(heads, key=lambda head: head.mean),
        weakest=min(heads, key=lambda head: head.mean),
        most_varied=max(heads, key=lambda head: head.std / head.mean if head.mean else 0),
    )


def value_range(heads: Sequence[HeadView]) -> tuple[float, float]:
    """Ends of the colour scale of all document pages: nearly all self-attention of the study lies between them."""
    counts = np.sum([head.histogram for head in heads], axis=0)
    if not counts.sum():
        return 1e-4, 1.0
    share = np.cumsum(counts) / counts.sum()
    low, high = (int(np.searchsorted(share, quantile)) for quantile in RANGE_QUANTILES)
    edges = bounds()
    return max(float(edges[low]), 1e-6), float(edges[min(high + 1, len(edges) - 1)])
