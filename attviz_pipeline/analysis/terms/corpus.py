"""Read the artifacts of `measure_shard` of all shards: documents in the site's order, and terms by document."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from attviz_pipeline.analysis.bootstrap import document_keys, sampling_order
from attviz_pipeline.analysis.lists import matrix
from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.errors import ArtifactError, Problem

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PAIRS_PER_BLOCK = 2**20


class Sample(NamedTuple):
    """Which documents are read if there are many.

    Attributes:
        seed: The same seed draws the same sample of the same ids, however they are sharded.
        most: Documents at most, with all documents of an input row. A single row of more is read whole.
    """

    seed: int
    most: int


@dataclass(frozen=True)
class Documents:
    """The analysed documents, or a sample of them, by position.

    Attributes:
        table: Columns of `document_heads`, one row per document.
        facts: Metadata of the first shard.
        row: Number of the document's input row, by first appearance, [document].
        row_names: Id of each input row, [row].
        positions: Positions of all analysed documents, also of those outside of the sample, ascending.
    """

    table: pa.Table
    facts: dict[str, Any]
    row: Integers
    row_names: list[str]
    positions: Integers

    @classmethod
    def read(
        cls,
        paths: Sequence[Path],
        columns: Sequence[str] = term_schemas.DOCUMENT_HEADS.arrow.names,
        sample: Sample | None = None,
    ) -> Self:
        """Read `document_heads` of all shards: `position`, `source_id`, and `columns`.

        Args:
            paths: One file per shard.
            columns: Names of columns.
            sample: Which documents, if there are many; by default all.

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
        counts = [files.count_rows(path, term_schemas.DOCUMENT_HEADS) for path in paths]
        last = _last_of_sample(paths, sample) if sample is not None and sum(counts) > sample.most else None
        parts, positions = [], []
        for path in paths:
            part = files.read_table(path, term_schemas.DOCUMENT_HEADS, wanted)
            positions.append(part["position"].to_numpy())
            parts.append(part if last is None or sample is None else part.filter(_order(part, sample) <= last))
        table = pa.concat_tables(parts)
        if not table.num_rows:
            raise ArtifactError(
                f"no document to analyse: all {len(paths)} shards are empty.",
                remedy="Choose another documents.split, or check why the corpus has no usable row in it.",
            )
        table = table.take(pc.sort_indices(table["position"])).combine_chunks()
        encoded = table["source_id"].combine_chunks().dictionary_encode()
        row = encoded.indices.to_numpy().astype(np.int64)
        return cls(table, facts[0], row, encoded.dictionary.to_pylist(), np.sort(np.concatenate(positions)))

    @property
    def n_all(self) -> int:
        """Number of analysed documents, of which `table` may hold a sample."""
        return len(self.positions)

    @property
    def is_sample(self) -> bool:
        """True if these are not all documents."""
        return len(self.row) < self.n_all

    def counts(self) -> dict[str, int]:
        """Return how many documents these are, and how many there are in all, for the facts of an artifact."""
        return {"n_sampled": len(self.row), "n_analysed": self.n_all}

    @property
    def has_segments(self) -> bool:
        """True if any input row has more than one document."""
        return len(self.row_names) < len(self.row)

    def values(self, name: str) -> tuple[NDArray[np.intp], Floats]:
        """Return the rows in which a list column is not empty, [defined], and its values, [defined, layer x head]."""
        defined = np.flatnonzero(pc.list_value_length(self.table[name]).to_numpy())
        n_rows = self.facts["n_layers"] * self.facts["n_heads"]
        return defined, matrix(self.table, name).astype(np.float64).reshape(len(defined), n_rows)

    def find(self, positions: Integers) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
        """Look for the documents with the given positions.

        Returns:
            Which positions are of these documents, and not outside of the sample, [position]; and the rows of those.

        Raises:
            ArtifactError: A position has no document.
        """
        found, rows = _find(self.table["position"].to_numpy(), positions)
        if not _find(self.positions, positions[~found])[0].all():
            raise ArtifactError("terms belong to documents that are in no shard.", remedy=files.REBUILD)
        return found, rows[found]


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

    @classmethod
    def joined(cls, parts: "Sequence[Pairs]") -> Self:
        """Put rows one after the other."""
        term, document, count = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("term", "document", "count")
        )
        sums = {name: np.concatenate([part.sums[name] for part in parts]) for name in parts[0].sums}
        return cls(term, document, count, sums)


def pairs_of(paths: Sequence[Path], documents: Documents) -> Callable[[], Iterator[Pairs]]:
    """Return what reads the terms of documents as often as it is called; those of a sample stay in memory.

    Args:
        paths: Artifacts `term_documents` of all shards.
        documents: Which documents.
    """
    if not documents.is_sample:
        return lambda: iter_pairs(paths, documents)
    blocks = list(iter_pairs(paths, documents))
    return lambda: iter(blocks)


def iter_pairs(paths: Sequence[Path], documents: Documents) -> Iterator[Pairs]:
    """Read `term_documents` of all shards in blocks of about a million rows.

    Raises:
        ArtifactError: A shard is unusable.
    """
    gathered: list[Pairs] = []
    for path in paths:
        for table in files.iter_tables(path, term_schemas.TERM_DOCUMENTS):
            gathered.append(_pairs(table, documents))
            if sum(len(part.term) for part in gathered) >= PAIRS_PER_BLOCK:
                yield Pairs.joined(gathered)
                gathered = []
    if gathered:
        yield Pairs.joined(gathered)


def _pairs(table: pa.Table, documents: Documents) -> Pairs:
    found, document = documents.find(table["position"].to_numpy().astype(np.int64))
    if not found.all():
        table = table.filter(pa.array(found))
    columns = {name: table[name].to_numpy().astype(np.int64) for name in table.column_names if name != "position"}
    return Pairs(columns.pop("term"), document, columns.pop("count"), columns)


def _find(known: Integers, wanted: Integers) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Return which values are among the known ones, which ascend, and the places of those, both [wanted]."""
    places = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return known[places] == wanted, places


def _order(table: pa.Table, sample: Sample) -> NDArray[np.uint64]:
    """Return the place of each document's input row in the order of drawing, [document]."""
    return sampling_order(document_keys(sample.seed, table["source_id"].to_pylist()))


def _last_of_sample(paths: Sequence[Path], sample: Sample) -> np.uint64:
    """Return the place of the last row that is in the sample, which has all documents of its rows."""
    schema, columns = term_schemas.DOCUMENT_HEADS, ["source_id"]
    order = np.sort(np.concatenate([_order(files.read_table(path, schema, columns), sample) for path in paths]))
    first_too_many = np.searchsorted(order, order[sample.most])
    return np.uint64(order[max(first_too_many - 1, 0)])
