"""Conversion between arrays and list columns of tables."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def list_column(values: NDArray[Any]) -> pa.Array:
    """Convert an array to a list column: one row per entry of the first axis, the other axes flattened in C order."""
    n_rows = values.shape[0]
    width = values.size // n_rows if n_rows else 0
    return ragged_column(values.reshape(-1), np.full(n_rows, width))


def ragged_column(values: NDArray[Any], lengths: NDArray[np.int64]) -> pa.Array:
    """Convert a flat array to a list column whose rows have the given lengths."""
    offsets = np.append(0, np.cumsum(lengths)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))


def matrix(table: pa.Table, name: str) -> NDArray[Any]:
    """Convert a list column to one flat array, row after row."""
    values: NDArray[Any] = pa.concat_arrays(chunk.flatten() for chunk in table[name].chunks).to_numpy()
    return values


def members(column: pa.ChunkedArray, n: int) -> NDArray[np.bool_]:
    """Convert a column of lists of indices below n to a table of what each row has; null has none, [row, index]."""
    lists = column.combine_chunks()
    found = np.zeros((len(column), n), np.bool_)
    found[pc.list_parent_indices(lists).to_numpy(), pc.list_flatten(lists).to_numpy()] = True
    return found
