"""Write texts that a program holds to a Parquet file, so that the stages can read them."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from attviz_pipeline.artifacts.files import require_space
from attviz_pipeline.dataset.unpacking import PURPOSE
from attviz_pipeline.errors import DatasetError, Problem

ROWS_AT_ONCE = 1000
_NOTHING = object()


def write_texts(columns: Mapping[str, Iterable[object]], path: Path) -> list[str]:
    """Write columns of texts, labels and ids, row by row; memory is bounded.

    Args:
        columns: The cells by name of column. `text` is needed; of a pair it holds both texts, and `pair` is written.
            Numbers of numpy and torch become plain ones.
        path: The Parquet file to write.

    Returns:
        Names of the written columns.

    Raises:
        DatasetError: There are no rows, columns differ in length, or cells of a column are of different kinds.
        ResourceError: The disk is too small.
    """
    writer, n_rows = None, 0
    rows = _rows(columns)
    try:
        while batch := list(islice(rows, ROWS_AT_ONCE)):
            table = _table(batch, None if writer is None else writer.schema, n_rows)
            require_space(path, table.nbytes, PURPOSE)
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table)
            n_rows += len(batch)
    finally:
        if writer is not None:
            writer.close()
    if writer is None:
        raise DatasetError("there are no texts.")
    return list(writer.schema.names)


def rows_of_dataset(dataset: Any, names: Mapping[str, str]) -> dict[str, Iterator[object]]:  # noqa: ANN401 - its library is not needed here
    """Return columns of a `datasets.Dataset` for `write_texts`, with the names of its classes.

    Args:
        dataset: The dataset.
        names: Its columns by the names that they get.

    Raises:
        DatasetError: It is a `DatasetDict`, or has no such column.
    """
    if isinstance(dataset, Mapping):
        raise DatasetError(
            f"texts holds several splits: give one, for example dataset[{next(iter(dataset), 'test')!r}]."
        )
    there = list(dataset.column_names or ())
    problems = [
        Problem(f"{name}_column", f"there is no column {column!r}")
        for name, column in names.items()
        if column not in there
    ]
    if problems:
        raise DatasetError("the dataset cannot be read:", problems, f"It has {', '.join(map(repr, there))}.")
    return {name: _cells(dataset, column) for name, column in names.items()}


def _cells(dataset: Any, column: str) -> Iterator[object]:  # noqa: ANN401 - its library is not needed here
    classes = getattr((dataset.features or {}).get(column), "names", None)
    for row in dataset.select_columns([column]):
        cell = row[column]
        yield classes[cell] if classes and isinstance(cell, int) and 0 <= cell < len(classes) else cell


def _rows(columns: Mapping[str, Iterable[object]]) -> Iterator[dict[str, object]]:
    for number, cells in enumerate(zip_longest(*columns.values(), fillvalue=_NOTHING)):
        row = dict(zip(columns, cells, strict=True))
        if short := [name for name, cell in row.items() if cell is _NOTHING]:
            raise DatasetError(f"there are only {number:,} of {', '.join(short)}: each text needs one.")
        yield _plain_row(row)


def _plain_row(row: dict[str, object]) -> dict[str, object]:
    text = row["text"]
    pair = {"text": text[0], "pair": text[1]} if isinstance(text, tuple | list) and len(text) == 2 else {}
    return {name: _plain(cell) for name, cell in {**row, **pair}.items()}


def _plain(cell: object) -> object:
    """Return a number of numpy or torch as a plain one, and an array as a list."""
    convert = getattr(cell, "tolist", None)
    return convert() if callable(convert) else cell


def _table(rows: list[dict[str, object]], schema: pa.Schema | None, first: int) -> pa.Table:
    try:
        return pa.Table.from_pylist(rows, schema=schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError):
        raise _mixed(rows, first) from None


def _mixed(rows: list[dict[str, object]], first: int) -> DatasetError:
    """Name the cells that are of another kind than the first of their column."""
    problems = []
    for name in rows[0]:
        kinds = [type(row.get(name)) for row in rows]
        usual = next((kind for kind in kinds if kind is not type(None)), type(None))
        problems += [
            Problem(
                f"{name} {first + number}", f"is of type {kind.__name__}, those before it are of type {usual.__name__}"
            )
            for number, kind in enumerate(kinds)
            if kind not in {usual, type(None)}
        ]
    return DatasetError("the texts cannot be written:", problems, "Give all cells of a column the same type.")
