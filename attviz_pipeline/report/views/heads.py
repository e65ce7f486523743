"""The layer x head grid, and the page of each head."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from attviz_pipeline.artifacts import files, schemas
from attviz_pipeline.artifacts.histogram import BINS_PER_DECADE, LOWEST_DECADE, bin_edges
from attviz_pipeline.report import links
from attviz_pipeline.report.formats import significant
from attviz_pipeline.report.views.study import StudyView

N_TOP_TOKENS = 25
N_TOP_DOCUMENTS = 5
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


@dataclass(frozen=True)
class HeadTokenView:
    """One token in a head's table."""

    token: str
    count: int
    document_frequency: int
    mean: float
    std: float
    min: float
    max: float


@dataclass(frozen=True)
class ActiveDocumentView:
    """A document in which a head attends to itself most."""

    number: int
    mean: float
    page: str


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


@dataclass(frozen=True)
class HeadPageView:
    """The page of one head."""

    this: HeadView
    rank: int
    n_heads: int
    tokens: list[HeadTokenView]
    min_document_frequency: int
    histogram: HistogramView
    documents: list[ActiveDocumentView]
    cloud: dict[str, Any] | None
    previous: HeadView | None
    next: HeadView | None


class HeadActivity:
    """The documents in which each head attends to itself most, kept while documents stream by."""

    def __init__(self, n_rows: int) -> None:
        self._means = np.full((n_rows, N_TOP_DOCUMENTS), -1.0)
        self._positions = np.full((n_rows, N_TOP_DOCUMENTS), -1)

    def add(self, position: int, means: NDArray[np.float64]) -> None:
        """Count a document in.

        Args:
            position: Its position.
            means: Mean self-attention of every head, [row]; NaN is left out.
        """
        candidates = np.flatnonzero(means >= self._means[:, -1])
        for row in candidates.tolist():
            means_of_row = np.append(self._means[row], means[row])
            positions = np.append(self._positions[row], position)
            # Equal means are ordered by position, so the order of the shards does not matter.
            order = np.lexsort((positions, -means_of_row))[:N_TOP_DOCUMENTS]
            self._means[row], self._positions[row] = means_of_row[order], positions[order]

    def top(self, row: int) -> list[ActiveDocumentView]:
        """The documents of one head, the strongest first."""
        pairs = zip(self._positions[row].tolist(), self._means[row].tolist(), strict=True)
        return [ActiveDocumentView(p + 1, mean, links.document(p)) for p, mean in pairs if p >= 0]


def read_heads(path: Path) -> list[HeadView]:
    """Read the moments of all heads, by layer and head."""
    rows = files.read_table(path, schemas.HEADS).to_pylist()
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
    edges = _bounds()
    return max(float(edges[low]), 1e-6), float(edges[min(high + 1, len(edges) - 1)])


def _bounds() -> NDArray[np.float64]:
    """Lower edges of the histogram's bins and the upper edge of the last; the first bin begins at 0, [bin + 1]."""
    return np.concatenate([[0.0], bin_edges(), [1.0]])


def iter_head_pages(
    head_tokens: Path, heads: Sequence[HeadView], study: StudyView, activity: HeadActivity, clouds: dict[str, Any]
) -> Iterator[HeadPageView]:
    """Put together the pages of all heads, one at a time.

    Args:
        head_tokens: Statistics per head and token (schema HEAD_TOKENS), one row group per head.
        heads: All heads.
        study: Facts of the study.
        activity: Documents in which each head is most active.
        clouds: Word clouds by head page.
    """
    ranks = _ranks([head.mean for head in heads])
    together = np.sum([head.histogram for head in heads], axis=0)
    support = study.settings.figures.min_document_frequency
    tokens = _tokens_by_head(head_tokens, support)
    for row, head in enumerate(heads):
        yield HeadPageView(
            this=head,
            rank=ranks[row],
            n_heads=len(heads),
            tokens=tokens.get((head.layer, head.head), []),
            min_document_frequency=support,
            histogram=histogram_view(np.asarray(head.histogram), together),
            documents=activity.top(row),
            cloud=clouds.get(head.page),
            previous=heads[row - 1] if row else None,
            next=heads[row + 1] if row + 1 < len(heads) else None,
        )


def _tokens_by_head(path: Path, support: int) -> dict[tuple[int, int], list[HeadTokenView]]:
    tables = (table for table in files.iter_tables(path, schemas.HEAD_TOKENS) if table.num_rows)
    return {(table["layer"][0].as_py(), table["head"][0].as_py()): _top_tokens(table, support) for table in tables}


def _top_tokens(table: pa.Table, support: int) -> list[HeadTokenView]:
    frequent = pc.greater_equal(table["document_frequency"], support)
    ranked = table.filter(pc.and_not(frequent, table["special"])).slice(0, N_TOP_TOKENS)
    names = list(HeadTokenView.__dataclass_fields__)
    return [HeadTokenView(**row) for row in ranked.select(names).to_pylist()]


def _ranks(values: list[float]) -> list[int]:
    order = sorted(range(len(values)), key=lambda index: -values[index])
    ranks = [0] * len(values)
    for rank, index in enumerate(order, start=1):
        ranks[index] = rank
    return ranks


def histogram_view(counts: NDArray[np.int64], together: NDArray[np.int64]) -> HistogramView:
    """Draw a head's distribution over log10 of self-attention against that of all heads.

    Args:
        counts: Tokens of the head per bin.
        together: Tokens of all heads per bin.
    """
    width, height = 640, 160
    shares, all_shares = counts / max(counts.sum(), 1), together / max(together.sum(), 1)
    top = max(float(shares.max()), float(all_shares.max()), 1e-9)
    x = np.linspace(0, width, len(counts) + 1)
    ticks = [TickView(round(float(x[1 + BINS_PER_DECADE * d]), 1), _power(LOWEST_DECADE + d)) for d in range(1, 8)]
    median_bin = int(np.searchsorted(np.cumsum(shares), 0.5))
    edges = _bounds()
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
