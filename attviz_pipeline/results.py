"""Read the results of a finished study: its tables, and its documents with their self-attention."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attviz_pipeline.artifacts import all_schemas, attention_schemas, files
from attviz_pipeline.artifacts.layout import EvidencePaths, table_path
from attviz_pipeline.artifacts.rows import Row, iter_rows
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.artifacts.token_evidence import EvidenceVectors
from attviz_pipeline.errors import ArtifactError

_SCHEMAS = {schema.name: schema for schema in all_schemas.ALL if schema.arrow.names}
_EVIDENCE = {field.name for field in fields(EvidencePaths)}


@dataclass(frozen=True)
class Document:
    """One document as the classifier read it.

    Attributes:
        id: Identifier in the corpus; that of a segment ends in `#<number>`.
        split: train, validation or test; empty if the source defines none.
        label: Gold class, or None if it is not known.
        prediction: Predicted class.
        probabilities: Softmax of the logits, [class], 0..1.
        text: The text, unchanged.
        tokens: Vocabulary entries as text, [token].
        special: True for [CLS], [SEP] and the like, [token].
        self_attention: Diagonal of the softmaxed attention matrices, [layer, head, token], 0..1.
        gradient_x_input: Gradient x input of the predicted class, [token], nats; None if it was not measured.
        leave_one_out: Fall of the predicted class's probability without each token, [token], -1..1, NaN for special
            tokens; None if it was not measured.
    """

    id: str
    split: str
    label: str | None
    prediction: str
    probabilities: NDArray[np.float32]
    text: str
    tokens: list[str]
    special: NDArray[np.bool_]
    self_attention: NDArray[np.float32]
    gradient_x_input: NDArray[np.float32] | None = None
    leave_one_out: NDArray[np.float32] | None = None


class Results:
    """The folder `results/<study>` of a run."""

    def __init__(self, folder: Path | str) -> None:
        """Open a study.

        Raises:
            ArtifactError: The folder has no self-attention, or shards of runs with different numbers of shards.
        """
        self.folder = Path(folder)
        self._shards = self._find_shards()

    @property
    def tables(self) -> list[str]:
        """Names of the tables of the whole dataset, and of evidence; docs/artifacts.md lists their columns."""
        found = {
            path.stem for folder in ("statistics", "evidence") for path in (self.folder / folder).glob("*.parquet")
        }
        return sorted(found & set(_SCHEMAS))

    def table(self, name: str, columns: list[str] | None = None) -> pa.Table:
        """Read a table of the whole dataset, or some of its columns.

        Raises:
            ArtifactError: The file is missing or damaged, or there is no table or column of this name.
        """
        unknown = sorted(set(columns or ()) - set(self._place(name)[1].arrow.names))
        if unknown:
            raise ArtifactError(
                f"table {name} has no column {', '.join(unknown)}.",
                remedy=f"It has {', '.join(self._place(name)[1].arrow.names)}.",
            )
        return files.read_table(*self._place(name), columns)

    def facts(self, name: str) -> dict[str, Any]:
        """Read the metadata of a table: numbers of layers and heads, names of classes, ...

        Raises:
            ArtifactError: As `table`.
        """
        return files.read_facts(*self._place(name))

    @cached_property
    def label_names(self) -> list[str]:
        """Names of the classes, in the order of the probabilities."""
        return list(self._facts["label_names"])

    def documents(self) -> Iterator[Document]:
        """Yield the documents, shard by shard; memory holds one row group at a time, and the evidence of the sample.

        Raises:
            ArtifactError: A shard or a table of evidence is damaged, or they are of different documents.
        """
        for shard in self._shards:
            for row in iter_rows(shard, attention_schemas.ATTENTION):
                yield self._document(row)

    def _document(self, row: Row) -> Document:
        label = row.scalar("label")
        shape = self._facts["n_layers"], self._facts["n_heads"], -1
        place = row.scalar("position"), row.scalar("id"), row.array("special")
        evidence = self._evidence.of(*place) if self._evidence else {}
        return Document(
            id=row.scalar("id"),
            split=row.scalar("split"),
            label=None if label is None else self.label_names[label],
            prediction=self.label_names[row.scalar("prediction")],
            probabilities=row.array("probabilities"),
            text=row.scalar("text"),
            tokens=row.scalar("tokens"),
            special=row.array("special"),
            self_attention=row.array("self_attention").reshape(shape),
            **evidence,
        )

    @cached_property
    def _evidence(self) -> EvidenceVectors | None:
        """None where nothing was measured."""
        paths = EvidencePaths.below(self.folder / "evidence")
        tables = paths.gradients, paths.leave_one_out
        return EvidenceVectors(*tables) if any(path.exists() for path in tables) else None

    @cached_property
    def _facts(self) -> dict[str, Any]:
        return files.read_facts(self._shards[0], attention_schemas.ATTENTION)

    def _find_shards(self) -> list[Path]:
        shards = sorted((self.folder / "attention").glob("*.parquet"))
        numberings = {path.stem.partition("-of-")[2] for path in shards}
        if not shards:
            raise ArtifactError(
                f"{self.folder} holds no self-attention ({self.folder / 'attention'}/*.parquet).",
                remedy="Name the folder of a finished study, results/<name>.",
            )
        if len(numberings) > 1:
            raise ArtifactError(
                f"{self.folder / 'attention'} holds shards of more than one run: of {', '.join(sorted(numberings))}.",
                remedy="Delete the shards of the runs that you no longer use.",
            )
        return shards

    def _place(self, name: str) -> tuple[Path, Schema]:
        if name not in _SCHEMAS:
            raise ArtifactError(f"there is no table {name!r}.", remedy=f"There are {', '.join(self.tables)}.")
        folder = "evidence" if name in _EVIDENCE else "statistics"
        return table_path(self.folder / folder, name), _SCHEMAS[name]


def open_results(folder: Path | str) -> Results:
    """Open a finished study, `results/<name>`.

    Raises:
        ArtifactError: As in `Results`.
    """
    return Results(folder)
