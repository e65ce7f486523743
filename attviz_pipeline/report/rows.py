"""Documents of the attention shards, one at a time, in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attviz_pipeline.artifacts import files, schemas
from attviz_pipeline.errors import ArtifactError

AGGREGATES = ("mean", "entropy", "std", "max", "min")
_NONE = np.empty((len(AGGREGATES), 0), np.float32)


@dataclass(frozen=True)
class DocumentRow:
    """One document as extracted and aggregated.

    Args:
        tokens: Vocabulary entries, [token].
        starts: First character of each token, code points, [token].
        ends: Character behind each token, [token].
        special: True for [CLS], [SEP] and the like, [token].
        windows: Model inputs as in schema ATTENTION.
        self_attention: Rows are the heads of all layers, [row, token], 0..1.
        aggregates: Rows as in `AGGREGATES`, [aggregate, token].
    """

    position: int
    id: str
    source_id: str
    split: str
    label: int
    text: str
    prediction: int
    truncated: bool
    tokens: list[str]
    windows: list[dict[str, Any]]
    probabilities: list[float]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    special: NDArray[np.bool_]
    self_attention: NDArray[np.float32]
    aggregates: NDArray[np.float32]


def iter_documents(attention: Path, aggregates: Path) -> Iterator[DocumentRow]:
    """Read the documents of one shard together with their aggregates.

    Raises:
        ArtifactError: A file is missing or damaged, or the two hold different documents.
    """
    summaries = _iter_aggregates(aggregates)
    for columns, row in _iter_rows(attention, schemas.ATTENTION):
        position, values = next(summaries, (-1, _NONE))
        document = _document(columns, row, values)
        if position != document.position or values.shape[1] != len(document.tokens):
            raise _mismatch(attention, aggregates)
        yield document
    if next(summaries, None) is not None:
        raise _mismatch(attention, aggregates)


class _Columns:
    """The columns of one row group, read by row without touching the others."""

    def __init__(self, table: pa.Table) -> None:
        self._columns = {name: table.column(name).combine_chunks() for name in table.column_names}

    def scalar(self, name: str, row: int) -> Any:  # noqa: ANN401 - as many types as columns
        return self._columns[name][row].as_py()

    def array(self, name: str, row: int) -> NDArray[Any]:
        column = self._columns[name]
        first, last = column.offsets[row].as_py(), column.offsets[row + 1].as_py()
        values: NDArray[Any] = column.values.slice(first, last - first).to_numpy(zero_copy_only=False)
        return values


def _iter_rows(path: Path, schema: schemas.Schema) -> Iterator[tuple[_Columns, int]]:
    for table in files.iter_tables(path, schema):
        if table.num_rows:
            columns = _Columns(table)
            for row in range(table.num_rows):
                yield columns, row


def _iter_aggregates(path: Path) -> Iterator[tuple[int, NDArray[np.float32]]]:
    for columns, row in _iter_rows(path, schemas.AGGREGATES):
        yield columns.scalar("position", row), np.stack([columns.array(name, row) for name in AGGREGATES])


def _document(columns: _Columns, row: int, aggregates: NDArray[np.float32]) -> DocumentRow:
    tokens = columns.scalar("tokens", row)
    return DocumentRow(
        position=columns.scalar("position", row),
        id=columns.scalar("id", row),
        source_id=columns.scalar("source_id", row),
        split=columns.scalar("split", row),
        label=columns.scalar("label", row),
        text=columns.scalar("text", row),
        prediction=columns.scalar("prediction", row),
        truncated=columns.scalar("truncated", row),
        tokens=tokens,
        windows=columns.scalar("windows", row),
        probabilities=columns.scalar("probabilities", row),
        starts=columns.array("starts", row),
        ends=columns.array("ends", row),
        special=columns.array("special", row).astype(np.bool_),
        self_attention=columns.array("self_attention", row).reshape(-1, len(tokens)),
        aggregates=aggregates,
    )


def _mismatch(attention: Path, aggregates: Path) -> ArtifactError:
    return ArtifactError(f"{aggregates} and {attention} hold different documents.", remedy=files.REBUILD)
