"""The final ledger: the status of every input row after the analysis."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from attviz_pipeline.artifacts import corpus_schemas, files
from attviz_pipeline.errors import ArtifactError, Problem

KEPT = "kept"


@dataclass
class SourceRow:
    """The documents and windows of one analysed input row."""

    n_documents: int = 0
    n_windows: int = 0
    n_truncated: int = 0
    segmented: bool = False

    @property
    def status(self) -> str:
        """`truncated` if any document was, else `windowed` if any was read in several windows, else `shown`."""
        if self.n_truncated:
            return "truncated"
        return "windowed" if self.n_windows > self.n_documents else "shown"

    @property
    def detail(self) -> str:
        """The numbers of segments and windows of the row."""
        notes = []
        if self.segmented:
            notes.append(_count(self.n_documents, "segment"))
            if self.n_truncated:
                notes.append(f"{self.n_truncated} of them truncated")
        if self.n_windows > self.n_documents:
            notes.append(_count(self.n_windows, "window"))
        return ", ".join(notes)


def complete_ledger(ledger: Path, documents: pa.Table, output: Path) -> dict[str, int]:
    """Write the final ledger: the rows of the ledger of `prepare_dataset` in their order, with their final status.

    Args:
        ledger: Artifact `ledger` of `prepare_dataset`, read.
        documents: The analysed documents, as returned by `index_documents`.
        output: Artifact `ledger`, written.

    Returns:
        Number of rows per status, sorted by status.

    Raises:
        ArtifactError: The ledger is unusable, or a document comes from a row that the ledger does not list as kept.
    """
    table = files.read_table(ledger, corpus_schemas.LEDGER)
    rows = table.to_pylist()
    sources = _sources(documents)
    _check_known(ledger, rows, sources)
    analysed_splits = set(documents["split"].to_pylist())
    for row in rows:
        if row["status"] == KEPT:
            status, note = _outcome(row, sources.get(row["id"]), analysed_splits)
            row["status"] = status
            row["detail"] = "; ".join(part for part in (row["detail"], note) if part)
    facts = files.read_facts(ledger, corpus_schemas.LEDGER)
    columns = {name: [row[name] for row in rows] for name in corpus_schemas.LEDGER.arrow.names}
    files.write_table(output, corpus_schemas.LEDGER, columns, facts)
    return dict(sorted(Counter(columns["status"]).items()))


def _sources(documents: pa.Table) -> dict[str, SourceRow]:
    sources: dict[str, SourceRow] = defaultdict(SourceRow)
    names = ["source_id", "id", "n_windows", "truncated"]
    for source_id, identifier, n_windows, truncated in zip(*(documents[n].to_pylist() for n in names), strict=True):
        source = sources[source_id]
        source.n_documents += 1
        source.n_windows += n_windows
        source.n_truncated += truncated
        source.segmented |= identifier != source_id
    return dict(sources)


def _outcome(row: Mapping[str, Any], source: SourceRow | None, analysed_splits: set[str]) -> tuple[str, str]:
    if source is not None:
        return source.status, source.detail
    if row["split"] in analysed_splits:
        return "not_analysed", "not in the sample"
    return "not_analysed", f"split {row['split']} is not analysed"


def _check_known(ledger: Path, rows: list[dict[str, Any]], sources: Mapping[str, SourceRow]) -> None:
    kept = {row["id"] for row in rows if row["status"] == KEPT}
    problems = [
        Problem(repr(name), "analysed, but not a kept row of the ledger") for name in sources if name not in kept
    ]
    if problems:
        raise ArtifactError(f"{ledger} is not the ledger of the analysed documents:", problems, files.REBUILD)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
