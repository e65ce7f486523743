"""Reading of tables row by row, in bounded memory, without touching columns that are not asked for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attviz_pipeline.artifacts import files
from attviz_pipeline.artifacts.schema import Schema


class Row:
    """One row of a table."""

    def __init__(self, columns: dict[str, pa.Array], number: int) -> None:
        """Point to a row of some columns."""
        self._columns, self._number = columns, number

    def scalar(self, name: str) -> Any:  # noqa: ANN401 - as many types as columns
        """Return a cell as a Python value."""
        return self._columns[name][self._number].as_py()

    def array(self, name: str) -> NDArray[Any]:
        """Return a cell of a list column as an array."""
        return self._cell(self._columns[name])

    def found(self, name: str) -> NDArray[Any] | None:
        """Return a cell of a list column as an array; None where it is null."""
        return self.array(name) if self._columns[name][self._number].is_valid else None

    def part(self, name: str, field: str) -> NDArray[Any] | None:
        """Return a list within a cell of a struct column as an array; None where the cell is null."""
        column = self._columns[name]
        return self._cell(column.field(field)) if column[self._number].is_valid else None

    def _cell(self, column: pa.Array) -> NDArray[Any]:
        first, last = column.offsets[self._number].as_py(), column.offsets[self._number + 1].as_py()
        values: NDArray[Any] = column.values.slice(first, last - first).to_numpy(zero_copy_only=False)
        return values


def iter_rows(path: Path, schema: Schema, wanted: NDArray[np.bool_] | None = None) -> Iterator[Row]:
    """Yield the rows of a Parquet artifact, in order.

    Args:
        path: The artifact.
        schema: Its schema; with `wanted`, it has a column `position`.
        wanted: Whether to yield the rows of each document, [position]; others are not decoded. None for all.

    Raises:
        ArtifactError: As `files.read_table`.
    """
    for table in files.iter_tables(path, schema):
        kept = table if wanted is None else table.filter(pa.array(wanted[table["position"].to_numpy()]))
        if kept.num_rows:
            columns = {name: kept.column(name).combine_chunks() for name in kept.column_names}
            yield from (Row(columns, number) for number in range(kept.num_rows))
