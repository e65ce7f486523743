"""Export to CSV and Parquet, with one row per token and vector."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from attviz_pipeline.artifacts import output_schemas
from attviz_pipeline.artifacts.files import TableWriter
from attviz_pipeline.export.documents import ExportedDocument
from attviz_pipeline.tasks.task import Task

ROWS_PER_GROUP = 500_000
# Characters with which a formula begins in spreadsheets.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@contextmanager
def write_csv(folder: Path, task: Task[Any], vector_names: list[str]) -> Iterator[Callable[[ExportedDocument], None]]:
    """Write `tokens.csv`.

    A cell that a spreadsheet would run as a formula is prefixed with an apostrophe; `tokens.parquet` has none.
    """
    with (folder / "tokens.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(output_schemas.EXPORTED_TOKENS.arrow.names)

        def add(document: ExportedDocument) -> None:
            columns = _columns(document, task, vector_names)
            harmless = [[_harmless(cell) for cell in column] for column in columns.values()]
            writer.writerows(zip(*harmless, strict=True))

        yield add


@contextmanager
def write_parquet(
    folder: Path, task: Task[Any], vector_names: list[str]
) -> Iterator[Callable[[ExportedDocument], None]]:
    """Write `tokens.parquet`, an artifact of schema EXPORTED_TOKENS."""
    facts = {**task.facts, "vector_names": vector_names}
    pending: list[pa.Table] = []
    with TableWriter(folder / "tokens.parquet", output_schemas.EXPORTED_TOKENS, facts) as writer:

        def add(document: ExportedDocument) -> None:
            pending.append(pa.table(_columns(document, task, vector_names), schema=_PLAIN))
            if sum(table.num_rows for table in pending) >= ROWS_PER_GROUP:
                flush()

        def flush() -> None:
            if pending:
                writer.write_table(pa.concat_tables(pending))
            pending.clear()

        yield add
        flush()


_PLAIN = output_schemas.EXPORTED_TOKENS.arrow.remove_metadata()


def _columns(document: ExportedDocument, task: Task[Any], vector_names: list[str]) -> dict[str, list[Any]]:
    n_vectors, n_tokens = document.vectors.shape
    n = n_vectors * n_tokens
    gold = None if document.gold is None else task.spell(document.gold)
    return {
        "position": [document.position] * n,
        "id": [document.id] * n,
        "gold": [gold] * n,
        "prediction": [task.spell(document.predicted)] * n,
        "token_index": list(range(n_tokens)) * n_vectors,
        "token": document.tokens * n_vectors,
        "start": document.starts * n_vectors,
        "end": document.ends * n_vectors,
        "special": document.special * n_vectors,
        "vector": [name for name in vector_names for _ in range(n_tokens)],
        "self_attention": document.vectors.astype(np.float64).ravel().tolist(),
    }


def _harmless(cell: object) -> object:
    if isinstance(cell, str) and cell.startswith(FORMULA):
        return f"'{cell}"
    return "" if cell is None else cell
