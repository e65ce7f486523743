"""Read the artifacts of `measure_shard` of all shards: documents in the site's order, and terms by document."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from attviz_pipeline.analysis.lists import matrix
from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.errors import ArtifactError, Problem

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PAIRS_PER_BLOCK = 2**20


@dataclass(frozen=True)
class Documents:
    """Every analysed document, by position.

    Attributes:
        table: Columns of `document_heads`, one row per document.
        facts: Metadata of the first shard.
        row: Number of the document's input row, by first appearance, [document].
        row_names: Id of each input row, [row].
    """

    table: pa.Table
    facts: dict[str, Any]
    row: Integers
    row_names: list[str]

    @classmethod
    def read(cls, paths: Sequence[Path], columns: Sequence[str] = term_schemas.DOCUMENT_HEADS.arrow.names) -> Self:
        """Read `document_heads` of all shards: `position`, `source_id`, and `columns`.

        Raises:
            ArtifactError: A shard is unusable, no shard has a document, or the shards come from different models.
        """
        facts = [files.read_facts(path, term_schemas.DOCUMENT_HEADS) for path in paths]
        problems = [
            Problem(str(path), "is of another model or corpus")
            for path, other in zip(paths, facts, strict=True)
            if other != facts[0]
        ]
        if problems:
            raise ArtifactError(f"these measures do not fit {paths[0]}:", problems, files.REBUILD)
        wanted = list(dict.fromkeys(["position", "source_id", *columns]))
        table = files.concatenate(paths, term_schemas.DOCUMENT_HEADS, wanted)
        if not table.num_rows:
            raise ArtifactError(
                f"no document to analyse: all {len(paths)} shards are empty.",
                remedy="Choose another documents.split, or check why the corpus has no usable row in it.",
            )
        table = table.take(pc.sort_indices(table["position"])).combine_chunks()
        encoded = table["source_id"].combine_chunks().dictionary_encode()
        row = encoded.indices.to_numpy().astype(np.int64)
        return cls(table, facts[0], row, encoded.dictionary.to_pylist())

    @property
    def has_segments(self) -> bool:
        """True if any input row has more than one document."""
        return len(self.row_names) < len(self.row)

    def values(self, name: str) -> tuple[NDArray[np.intp], Floats]:
        """Return the rows in which a list column is not empty, [defined], and its values, [defined, layer x head]."""
        defined = np.flatnonzero(pc.list_value_length(self.table[name]).to_numpy())
        n_rows = self.facts["n_layers"] * self.facts["n_heads"]
        return defined, matrix(self.table, name).astype(np.float64).reshape(len(defined), n_rows)

    def find(self, positions: Integers) -> NDArray[np.intp]:
        """Return the rows of the documents with the given positions.

        Raises:
            ArtifactError: A position has no document.
        """
        known = self.table["position"].to_numpy()
        rows = np.minimum(np.searchsorted(known, positions), len(known) - 1)
        if (known[rows] != positions).any():
            raise ArtifactError("terms belong to documents that are in no shard.", remedy=files.REBUILD)
        return rows


@dataclass(frozen=True)
class Pairs:
    """Some rows of `term_documents`.

    Attributes:
        term: Number of the term, [pair].
        document: Row in `Documents`, [pair].
        count: Occurrences, [pair].
        sums: Fixed-point sums over occurrences by name of quantity, [pair].
    """

    term: Integers
    document: NDArray[np.intp]
    count: Integers
    sums: dict[str, Integers]


def iter_pairs(paths: Sequence[Path], documents: Documents) -> Iterator[Pairs]:
    """Read `term_documents` of all shards in blocks of about a million rows.

    Raises:
        ArtifactError: A shard is unusable.
    """
    gathered: list[pa.Table] = []
    for path in paths:
        for table in files.iter_tables(path, term_schemas.TERM_DOCUMENTS):
            gathered.append(table)
            if sum(part.num_rows for part in gathered) >= PAIRS_PER_BLOCK:
                yield _pairs(pa.concat_tables(gathered), documents)
                gathered = []
    if gathered:
        yield _pairs(pa.concat_tables(gathered), documents)


def _pairs(table: pa.Table, documents: Documents) -> Pairs:
    columns = {name: table[name].to_numpy().astype(np.int64) for name in table.column_names}
    term, position, count = (columns.pop(name) for name in ("term", "position", "count"))
    return Pairs(term, documents.find(position), count, columns)
