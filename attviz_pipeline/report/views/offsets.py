"""Attention of a head by the distance between query and key, over the documents that have maps."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.artifacts import files, map_schemas
from attviz_pipeline.artifacts.offsets import ALONE, OFFSET_BINS
from attviz_pipeline.formats import significant
from attviz_pipeline.report.views.curve import TickView

WIDTH, HEIGHT = 640, 150
LOWEST = 1e-4  # of the drawn axis
LABELLED_ALONE = (1, 2, 4, 6, 8)
MAJOR = {"0", "2", "8", "65\N{EN DASH}128"}
_COLUMNS = ["position", "special", "offset_sums", "offset_pairs"]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OffsetRowView:
    """One bin of offsets: the mean of the head, of even attention, and over how many documents."""

    words: str
    mean: float
    even: float
    n_documents: int

    @property
    def times_even(self) -> float:
        """How many times even attention it is."""
        return self.mean / self.even


@dataclass(frozen=True)
class OffsetView:
    """A head's mean attention by key minus query, as paths; the axes are the same for all heads, y is logarithmic.

    `strongest` is the row that exceeds even attention most, of those that at least half of the documents have.
    """

    width: int
    height: int
    middle: float
    head_path: str
    all_path: str
    even_path: str
    x_ticks: list[TickView]
    y_ticks: list[TickView]
    rows: list[OffsetRowView]
    strongest: OffsetRowView | None
    n_documents: int


@dataclass(frozen=True)
class Offsets:
    """Means over documents, each with equal weight.

    Args:
        means: Attention of a token to another at that offset, [row, bin]; NaN where no document has such a pair.
        even: What even attention over the tokens of each window would give, [bin].
        n_documents: Documents that have such a pair, [bin].
    """

    means: Floats
    even: Floats
    n_documents: NDArray[np.int64]

    def at(self, offset: int) -> list[float] | None:
        """Means of all heads at one offset; None where no document has such a pair."""
        bin_ = OFFSET_BINS.index((offset, offset))
        return self.means[:, bin_].tolist() if self.n_documents[bin_] else None

    @property
    def n_mapped(self) -> int:
        """Documents with maps in which a token of text has another, or itself, to attend to."""
        return int(self.n_documents.max(initial=0))

    def view(self, row: int) -> OffsetView | None:
        """Draw the curve of a head; None where no document has maps."""
        shown = np.flatnonzero(self.n_documents)
        if len(shown) < 2:
            return None
        x = {int(bin_): round(WIDTH * (place + 0.5) / len(shown), 1) for place, bin_ in enumerate(shown)}
        drawn = np.concatenate([self.means[:, shown].ravel(), self.even[shown]])
        low, high = (
            round_(math.log10(max(value, LOWEST)))
            for round_, value in zip((math.floor, math.ceil), (drawn.min(), drawn.max()), strict=True)
        )
        high = max(high, low + 1)

        def path(values: Floats) -> str:
            points = (f"{at} {_y(values[bin_], low, high)}" for bin_, at in x.items())
            return "M" + "L".join(points)

        rows = [self._row(row, bin_) for bin_ in x]
        return OffsetView(
            width=WIDTH,
            height=HEIGHT,
            middle=x[OFFSET_BINS.index((0, 0))],
            head_path=path(self.means[row]),
            all_path=path(self.means.mean(axis=0)),
            even_path=path(self.even),
            x_ticks=[TickView(at, label, label not in MAJOR) for bin_, at in x.items() if (label := _label(bin_))],
            y_ticks=[
                TickView(_y(10.0**power, low, high), significant(10.0**power, 1)) for power in range(low, high + 1)
            ],
            rows=rows,
            strongest=max(
                (found for found in rows if 2 * found.n_documents >= self.n_mapped),
                key=lambda found: found.times_even,
                default=None,
            ),
            n_documents=self.n_mapped,
        )

    def _row(self, row: int, bin_: int) -> OffsetRowView:
        mean, even, n_documents = self.means[row, bin_], self.even[bin_], self.n_documents[bin_]
        return OffsetRowView(_words(bin_), float(mean), float(even), int(n_documents))


def read_offsets(maps: Path | None, n_rows: int) -> Offsets:
    """Average the sums of all documents that have maps (schema MAPS); none without.

    Args:
        maps: The maps.
        n_rows: Heads of all layers.

    Raises:
        ArtifactError: The file is missing or damaged.
    """
    n_bins = len(OFFSET_BINS)
    means, even, counts = np.zeros((n_rows, n_bins)), np.zeros(n_bins), np.zeros(n_bins, np.int64)
    for sums, chances, pairs in _documents(maps, n_rows) if maps else ():
        found = pairs > 0
        means[:, found] += sums[:, found] / pairs[found]
        even[found] += chances[found] / pairs[found]
        counts += found
    divisor = np.where(counts, counts, np.nan)
    return Offsets(means / divisor, even / divisor, counts)


def _documents(maps: Path, n_rows: int) -> Iterator[tuple[Floats, Floats, NDArray[np.int64]]]:
    """Yield of each document the sums of attention [row, bin], of even attention [bin], and the pairs [bin]."""
    rows = (row for table in files.iter_tables(maps, map_schemas.MAPS, _COLUMNS) for row in table.to_pylist())
    for _, windows in groupby(rows, key=lambda row: row["position"]):
        sums, chances, pairs = (
            np.zeros((n_rows, len(OFFSET_BINS))),
            np.zeros(len(OFFSET_BINS)),
            np.zeros(len(OFFSET_BINS), np.int64),
        )
        for window in windows:
            sums += np.reshape(window["offset_sums"], sums.shape)
            chances += np.array(window["offset_pairs"]) / len(window["special"])
            pairs += window["offset_pairs"]
        yield sums, chances, pairs


def _y(value: float, low: int, high: int) -> float:
    share = (math.log10(max(value, 10.0**low)) - low) / (high - low)
    return round(HEIGHT * (1 - share), 1)


def _label(bin_: int) -> str:
    """Distance of some bins, for which there is room: of the far ones every second."""
    first, last = sorted(abs(end) for end in OFFSET_BINS[bin_])
    if first == last:
        return str(first) if first in (0, *LABELLED_ALONE) else ""
    return f"{first}\N{EN DASH}{last}" if (last // ALONE).bit_length() % 2 else ""


def _words(bin_: int) -> str:
    first, last = sorted(abs(end) for end in OFFSET_BINS[bin_])
    if not first:
        return "the token itself"
    side = "before" if OFFSET_BINS[bin_][0] < 0 else "after"
    if first != last:
        return f"{first} to {last} tokens {side}"
    return f"{first} token{'' if first == 1 else 's'} {side}"
