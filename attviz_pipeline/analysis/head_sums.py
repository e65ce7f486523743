"""Exact sums and histograms per head over all tokens except special ones, added up over batches and shards."""

from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attviz_pipeline.analysis import exact_sums
from attviz_pipeline.analysis.batches import AttentionBatch
from attviz_pipeline.analysis.lists import list_column, matrix
from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.artifacts.histogram import N_BINS, bin_edges
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.errors import ArtifactError


class HeadSums:
    """Sums per head; `row` counts layer x head.

    Attributes:
        count: Tokens, the same for every head.
        sum: Limb sums of self-attention, [row, limb].
        sum_of_squares: Limb sums of its squares, [row, limb].
        min: [row]; 1 where there is no token.
        max: [row]; 0 where there is no token.
        histogram: Tokens per bin, [row, bin].
    """

    def __init__(self, n_layers: int, n_heads: int) -> None:
        """Start with no token."""
        n_rows = n_layers * n_heads
        self._n_layers, self._n_heads = n_layers, n_heads
        self.count = 0
        self.sum = np.zeros((n_rows, exact_sums.SUM_LIMBS), np.int64)
        self.sum_of_squares = np.zeros((n_rows, exact_sums.SQUARE_LIMBS), np.int64)
        self.min = np.ones(n_rows, np.float32)
        self.max = np.zeros(n_rows, np.float32)
        self.histogram = np.zeros((n_rows, N_BINS), np.int64)

    def add_batch(self, batch: AttentionBatch) -> None:
        """Add the tokens of some documents."""
        values = batch.values[~batch.special]
        wide = values.astype(np.float64)
        self.count += len(values)
        self.sum += exact_sums.to_limbs(wide, exact_sums.SUM_LIMBS).sum(axis=1).T
        self.sum_of_squares += exact_sums.to_limbs(wide * wide, exact_sums.SQUARE_LIMBS).sum(axis=1).T
        self.min = np.minimum(self.min, values.min(axis=0, initial=1))
        self.max = np.maximum(self.max, values.max(axis=0, initial=0))
        self.histogram += _histograms(values)

    def add_file(self, path: Path) -> None:
        """Add the sums of one shard.

        Raises:
            ArtifactError: The file is unusable or comes from a model with another number of heads.
        """
        table = files.read_table(path, statistics_schemas.HEAD_SUMS)
        if table.num_rows != len(self.min):
            what = f"holds {table.num_rows} heads, not {self._n_layers} x {self._n_heads}"
            raise ArtifactError(f"{path} {what}.", remedy=files.REBUILD)
        self.count += table["count"][0].as_py()
        self.sum += matrix(table, "sum").reshape(self.sum.shape)
        self.sum_of_squares += matrix(table, "sum_of_squares").reshape(self.sum_of_squares.shape)
        self.min = np.minimum(self.min, table["min"].to_numpy())
        self.max = np.maximum(self.max, table["max"].to_numpy())
        self.histogram += matrix(table, "histogram").reshape(self.histogram.shape)

    def write_sums(self, path: Path) -> None:
        """Write the artifact `head_sums`."""
        columns = {
            **self._common_columns(),
            "sum": list_column(self.sum),
            "sum_of_squares": list_column(self.sum_of_squares),
            "min": pa.array(self.min),
            "max": pa.array(self.max),
            "histogram": list_column(self.histogram),
        }
        _write(path, statistics_schemas.HEAD_SUMS, columns)

    def write_heads(self, path: Path) -> None:
        """Write the artifact `heads`: the moments computed from the sums."""
        counts = np.full(len(self.min), self.count)
        columns = {
            **self._common_columns(),
            "mean": pa.array(exact_sums.mean(self.sum.T, counts)),
            "std": pa.array(exact_sums.std(self.sum.T, self.sum_of_squares.T, counts)),
            "min": pa.array(self.min.astype(np.float64)),
            "max": pa.array(self.max.astype(np.float64)),
            "histogram": list_column(self.histogram),
        }
        _write(path, statistics_schemas.HEADS, columns)

    def _common_columns(self) -> dict[str, pa.Array]:
        layer, head = np.indices((self._n_layers, self._n_heads), dtype=np.int32).reshape(2, -1)
        return {"layer": pa.array(layer), "head": pa.array(head), "count": pa.array(np.full(len(layer), self.count))}


def _histograms(values: NDArray[np.float32]) -> NDArray[np.int64]:
    # Sorting the values of each head and searching for the edges is several times faster than binning every value.
    edges = bin_edges()
    below = np.array([np.searchsorted(column, edges, side="left") for column in np.sort(values.T, axis=1)])
    n_columns = values.shape[1]
    bounds = np.hstack([np.zeros((n_columns, 1), np.int64), below, np.full((n_columns, 1), len(values))])
    return np.diff(bounds, axis=1)


def _write(path: Path, schema: Schema, columns: dict[str, pa.Array]) -> None:
    with files.TableWriter(path, schema) as writer:
        writer.write_table(pa.table(columns))
