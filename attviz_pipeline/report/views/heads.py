"""The layer x head grid."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from attviz_pipeline.artifacts import comparison_schemas, files, statistics_schemas, term_schemas
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
class RelativeView:
    """Self-attention of a head as a multiple of even attention, the geometric mean over documents, with its interval.

    Both ends of the 95 % interval are None with a single input row.
    """

    times: float
    low: float | None
    high: float | None
    n_documents: int


RelativeViews = Mapping[tuple[int, int], RelativeView]
"""By layer and head; empty where no document has terms."""


@dataclass(frozen=True)
class EvennessView:
    """How near heads are to even attention, over the documents in which heads are compared.

    Args:
        even: Whether the n a of a head's tokens is typically within the factor `within` of 1, [row]; empty where no
            document was compared.
        constant: Whether a head's tokens are typically within this factor of each other in a document, [row].
        within: The factor.
        n_documents: Documents compared.
    """

    even: list[bool]
    constant: list[bool]
    within: float
    n_documents: int


@dataclass(frozen=True)
class HeadsView:
    """The page of all heads; `rows` is [layer][head]."""

    rows: list[list[HeadView]]
    relative: RelativeViews
    evenness: EvennessView
    strongest: HeadView
    weakest: HeadView
    most_varied: HeadView


def read_heads(path: Path) -> list[HeadView]:
    """Read the moments of all heads, by layer and head."""
    rows = files.read_table(path, statistics_schemas.HEADS).to_pylist()
    return [HeadView(**row, page=links.head(row["layer"], row["head"])) for row in rows]


def read_relative(path: Path) -> dict[tuple[int, int], RelativeView]:
    """Read how many times even attention each head is (schema HEAD_INTERVALS).

    Raises:
        ArtifactError: The table is missing or damaged.
    """
    rows = files.read_table(path, term_schemas.HEAD_INTERVALS).to_pylist()
    return {
        (row["layer"], row["head"]): RelativeView(
            times=math.exp(row["log_ratio"]),
            low=_times(row["log_ratio_low"]),
            high=_times(row["log_ratio_high"]),
            n_documents=row["n_documents"],
        )
        for row in rows
        if row["log_ratio"] is not None
    }


def read_evenness(path: Path) -> EvennessView:
    """Read which heads attend nearly evenly (schema HEAD_CLUSTERS).

    Raises:
        ArtifactError: The table is missing or damaged.
    """
    facts = files.read_facts(path, comparison_schemas.HEAD_CLUSTERS)
    constant = set(facts["constant_heads"])
    return EvennessView(
        even=[deviation < math.log(facts["even_within"]) for deviation in facts["head_deviation"]],
        constant=[row in constant for row in range(len(facts["head_deviation"]))],
        within=facts["even_within"],
        n_documents=facts["n_documents"],
    )


def heads_view(
    heads: Sequence[HeadView], relative: RelativeViews, evenness: EvennessView, study: StudyView
) -> HeadsView:
    """Put together the page of all heads."""
    n = study.n_heads
    return HeadsView(
        rows=[list(heads[start : start + n]) for start in range(0, len(heads), n)],
        relative=relative,
        evenness=evenness,
        strongest=max(heads, key=lambda head: head.mean),
        weakest=min(heads, key=lambda head: head.mean),
        most_varied=max(heads, key=lambda head: head.std / head.mean if head.mean else 0),
    )


def _times(log_ratio: float | None) -> float | None:
    return None if log_ratio is None else math.exp(log_ratio)


def value_range(heads: Sequence[HeadView]) -> tuple[float, float]:
    """Ends of the colour scale of all document pages: nearly all self-attention of the study lies between them."""
    counts = np.sum([head.histogram for head in heads], axis=0)
    if not counts.sum():
        return 1e-4, 1.0
    share = np.cumsum(counts) / counts.sum()
    low, high = (int(np.searchsorted(share, quantile)) for quantile in RANGE_QUANTILES)
    edges = bounds()
    return max(float(edges[low]), 1e-6), float(edges[min(high + 1, len(edges) - 1)])
