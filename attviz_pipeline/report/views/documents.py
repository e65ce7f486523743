"""The searchable index of documents: the first rows as a table, all rows as data for the page's script."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from attviz_pipeline.artifacts import files, schemas
from attviz_pipeline.report import links
from attviz_pipeline.report.views.study import StudyView

N_STATIC_ROWS = 100
SNIPPET_CHARACTERS = 160
SEARCHABLE_CHARACTERS = 20_000_000
CHUNK_CHARACTERS = 4_000_000
ROWS_PER_PIECE = 1000
CHARACTERS_PER_ROW = 60  # of its other columns
_COLUMNS = ["position", "id", "text", "label", "prediction", "probabilities", "n_tokens", "mean"]


@dataclass(frozen=True)
class DocumentRowView:
    """One row of the index."""

    position: int
    id: str
    snippet: str
    gold: str
    prediction: str
    right: bool
    confidence: float
    n_tokens: int
    mean: float
    page: str


@dataclass(frozen=True)
class DocumentsView:
    """The index page; `searchable` says how much of a text the search sees, None for all of it."""

    rows: list[DocumentRowView]
    n_documents: int
    n_wrong: int
    searchable: int | None
    scripts: list[str]
    columns: dict[str, Any]


def documents_view(index: Path, study: StudyView, searchable: int | None, scripts: list[str]) -> DocumentsView:
    """Put together the index page.

    Args:
        index: Table of documents (schema DOCUMENT_INDEX).
        study: Facts of the study.
        searchable: Characters of each text that the search sees, None for all.
        scripts: Files that hold the rows.
    """
    rows = [row for _, row in zip(range(N_STATIC_ROWS), _iter_row_views(index, study), strict=False)]
    n_right = sum(row[i] for i, row in enumerate(study.summary["confusion"]))
    return DocumentsView(
        rows=rows,
        n_documents=study.n_documents,
        n_wrong=study.n_documents - n_right,
        searchable=searchable,
        scripts=scripts,
        columns={"labels": study.label_names, "total": study.n_documents},
    )


def searchable_characters(index: Path) -> int | None:
    """How much of every text the index can hold: all, or a snippet where the corpus is large."""
    lengths = (pc.sum(pc.utf8_length(table["text"])).as_py() or 0 for table in _iter_index(index, ["text"]))
    return None if sum(lengths) <= SEARCHABLE_CHARACTERS else SNIPPET_CHARACTERS


def iter_chunks(index: Path, searchable: int | None) -> Iterator[dict[str, Any]]:
    """Cut the index into pieces of bounded size, as columns for the page's script."""
    first = 0
    pending: list[pa.Table] = []
    size = 0
    for table in _iter_index(index, _COLUMNS):
        for piece in _pieces(table):
            pending.append(piece)
            size += _text_size(piece, searchable)
            if size >= CHUNK_CHARACTERS:
                chunk = pa.concat_tables(pending)
                yield _chunk(chunk, first, searchable)
                first, pending, size = first + chunk.num_rows, [], 0
    if pending:
        yield _chunk(pa.concat_tables(pending), first, searchable)


def _iter_index(index: Path, columns: list[str]) -> Iterator[pa.Table]:
    return files.iter_tables(index, schemas.DOCUMENT_INDEX, columns)


def _pieces(table: pa.Table) -> Iterator[pa.Table]:
    for start in range(0, table.num_rows, ROWS_PER_PIECE):
        yield table.slice(start, ROWS_PER_PIECE)


def _text_size(table: pa.Table, searchable: int | None) -> int:
    characters = pc.utf8_length(_text(table, searchable))
    return int(pc.sum(characters).as_py() or 0) + int(table.num_rows) * CHARACTERS_PER_ROW


def _text(table: pa.Table, searchable: int | None) -> pa.ChunkedArray:
    text = table["text"]
    return text if searchable is None else pc.utf8_slice_codeunits(text, 0, searchable)


def _chunk(table: pa.Table, first: int, searchable: int | None) -> dict[str, Any]:
    return {
        "first": first,
        "id": table["id"].to_pylist(),
        "text": [" ".join(text.split()) for text in _text(table, searchable).to_pylist()],
        "label": table["label"].to_pylist(),
        "prediction": table["prediction"].to_pylist(),
        "confidence": [round(max(row), 4) for row in table["probabilities"].to_pylist()],
        "tokens": table["n_tokens"].to_pylist(),
        "mean": [float(f"{mean:.3g}") for mean in table["mean"].to_pylist()],
    }


def _iter_row_views(index: Path, study: StudyView) -> Iterator[DocumentRowView]:
    for table in _iter_index(index, _COLUMNS):
        for row in table.slice(0, N_STATIC_ROWS).to_pylist():
            yield row_view(row, study)


def row_view(row: dict[str, Any], study: StudyView) -> DocumentRowView:
    """Put together one row of the index from the columns of schema DOCUMENT_INDEX."""
    return DocumentRowView(
        position=row["position"],
        id=row["id"],
        snippet=snippet(row["text"]),
        gold=study.label_names[row["label"]],
        prediction=study.label_names[row["prediction"]],
        right=row["label"] == row["prediction"],
        confidence=row["probabilities"][row["prediction"]],
        n_tokens=row["n_tokens"],
        mean=row["mean"],
        page=links.document(row["position"]),
    )


def snippet(text: str) -> str:
    """The beginning of a text on one line."""
    line = " ".join(text[: 2 * SNIPPET_CHARACTERS].split())
    return line if len(line) <= SNIPPET_CHARACTERS else line[: SNIPPET_CHARACTERS - 1].rstrip() + "…"
