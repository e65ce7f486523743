"""The tables `tokens` and `head_tokens`: moments of each vocabulary entry, ranked by the mean."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attviz_pipeline.analysis import exact_sums
from attviz_pipeline.analysis.token_sums import TokenRows
from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.progress import track

ROWS_PER_GROUP = 65_536


class Moments(NamedTuple):
    """Mean, sample standard deviation, minimum and maximum of every entry, [entry]."""

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    min: NDArray[np.float64]
    max: NDArray[np.float64]


def write_tokens(path: Path, rows: TokenRows) -> None:
    """Write one row per entry with the moments over all its occurrences and all heads; the largest mean first."""
    moments = _over_all_heads(rows)
    order = _ranking(moments, _alphabetical_ranks(rows))
    table = _ranked_table(_Entries.of(rows), moments, order)
    table = table.add_column(1, "entry", pa.array(rows.entries, pa.string()).take(pa.array(order)))
    with files.TableWriter(path, statistics_schemas.TOKENS) as writer:
        for start in range(0, table.num_rows, ROWS_PER_GROUP):
            writer.write_table(table.slice(start, ROWS_PER_GROUP))


def write_head_tokens(path: Path, rows: TokenRows, n_layers: int, n_heads: int) -> None:
    """Write one row group per head, with one row per entry; the largest mean first."""
    ranks, entries = _alphabetical_ranks(rows), _Entries.of(rows)
    with files.TableWriter(path, statistics_schemas.HEAD_TOKENS) as writer:
        total = n_layers * n_heads
        for row in track(range(total), total=total, label="aggregate_dataset: head tokens", unit="heads"):
            moments = _of_head(rows, row)
            table = _ranked_table(entries, moments, _ranking(moments, ranks))
            layer, head = divmod(row, n_heads)
            for index, (name, number) in enumerate((("layer", layer), ("head", head))):
                table = table.add_column(index, name, pa.array(np.full(table.num_rows, number, np.int32)))
            # One call writes one row group of up to a million rows, more than any vocabulary has.
            writer.write_table(table)


class _Entries(NamedTuple):
    token: pa.Array
    special: pa.Array
    count: pa.Array
    document_frequency: pa.Array

    @classmethod
    def of(cls, rows: TokenRows) -> "_Entries":
        return cls(
            pa.array(rows.tokens, pa.string()),
            pa.array(rows.special),
            pa.array(rows.count),
            pa.array(rows.document_frequency),
        )


def _of_head(rows: TokenRows, row: int) -> Moments:
    sums, squares = rows.sum[:, :, row].T, rows.sum_of_squares[:, :, row].T
    return Moments(
        mean=exact_sums.mean(sums, rows.count),
        std=exact_sums.std(sums, squares, rows.count),
        min=rows.min[:, row].astype(np.float64),
        max=rows.max[:, row].astype(np.float64),
    )


def _over_all_heads(rows: TokenRows) -> Moments:
    n_entries, _, n_rows = rows.sum.shape
    sums = np.zeros((exact_sums.CARRIED_SUM_LIMBS, n_entries), np.int64)
    squares = np.zeros((exact_sums.CARRIED_SQUARE_LIMBS, n_entries), np.int64)
    for row in range(n_rows):
        # Carried first, because sums over all heads and occurrences may overflow the limbs of one head.
        sums += exact_sums.carry(rows.sum[:, :, row].T, len(sums))
        squares += exact_sums.carry(rows.sum_of_squares[:, :, row].T, len(squares))
    counts = rows.count * n_rows
    return Moments(
        mean=exact_sums.mean(sums, counts),
        std=exact_sums.std(sums, squares, counts),
        min=rows.min.min(axis=1).astype(np.float64),
        max=rows.max.max(axis=1).astype(np.float64),
    )


def _alphabetical_ranks(rows: TokenRows) -> NDArray[np.int64]:
    # The vocabulary index breaks ties between equal texts, so that the order is total.
    keys = list(zip(rows.tokens, rows.token_ids.tolist(), strict=True))
    ranks = np.empty(len(keys), np.int64)
    ranks[sorted(range(len(keys)), key=keys.__getitem__)] = np.arange(len(keys))
    return ranks


def _ranking(moments: Moments, ranks: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.lexsort((ranks, -moments.mean)).astype(np.int64)


def _ranked_table(entries: _Entries, moments: Moments, order: NDArray[np.int64]) -> pa.Table:
    rows = pa.array(order)
    columns = {name: column.take(rows) for name, column in entries._asdict().items()}
    columns |= {name: pa.array(values[order]) for name, values in moments._asdict().items()}
    return pa.table(columns)
