"""The documents of all shards, in the site's order, with the exported vectors."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attviz_pipeline.artifacts import attention_schemas, files
from attviz_pipeline.artifacts.rows import Row, iter_rows
from attviz_pipeline.artifacts.schema import GOLD, GOLD_NAMES, PREDICTED, PREDICTED_NAMES, PROBABILITIES
from attviz_pipeline.artifacts.token_evidence import EvidenceVectors
from attviz_pipeline.artifacts.vector_names import EVIDENCE_NAMES, head_names, layer_names
from attviz_pipeline.errors import ArtifactError, ConfigError, Problem
from attviz_pipeline.progress import track
from attviz_pipeline.tasks.registry import task_of
from attviz_pipeline.tasks.task import Task

Heads = Literal["all", "layer_means"] | Sequence[str]

_SPOOL = pa.schema(
    [
        ("position", pa.int64()),
        ("id", pa.string()),
        ("text", pa.large_string()),
        *((field.name, field.type) for field in (*GOLD, *PREDICTED, PROBABILITIES)),
        ("tokens", pa.list_(pa.string())),
        ("starts", pa.list_(pa.int32())),
        ("ends", pa.list_(pa.int32())),
        ("special", pa.list_(pa.bool_())),
        ("vectors", pa.list_(pa.float32())),
        *((name, pa.list_(pa.float32())) for name in EVIDENCE_NAMES),
    ]
)


_IDENTITY = ("position", "id", "text", *GOLD_NAMES, *PREDICTED_NAMES, PROBABILITIES.name)


class Vectors(NamedTuple):
    """The exported vectors: their names, their weights of all heads (layer x head), [vector, row], and the task."""

    names: list[str]
    weights: NDArray[np.float64]
    task: Task[Any]

    @property
    def choice(self) -> NDArray[np.intp] | None:
        """Row of each vector if every vector is a single head, so that no mean has to be computed; else None."""
        single = (self.weights.max(axis=1) == 1).all()
        return self.weights.argmax(axis=1) if single else None


@dataclass(frozen=True)
class ExportedDocument:
    """The exported part of one document.

    Attributes:
        gold: Gold value, as the task has it; None if it is not known.
        predicted: Prediction, likewise.
        vectors: Self-attention, [vector, token], 0..1.
        evidence: What the prediction depends on, [token], by the names of `EVIDENCE_NAMES`, where it was measured; 0
            for special tokens that were not left out.
    """

    position: int
    id: str
    text: str
    gold: Any
    predicted: Any
    probabilities: list[float]
    tokens: list[str]
    starts: list[int]
    ends: list[int]
    special: list[bool]
    vectors: NDArray[np.float32]
    evidence: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean over the vectors, [token], 0..1."""
        means: NDArray[np.float64] = self.vectors.mean(axis=0, dtype=np.float64)
        return means


def choose_vectors(facts: dict[str, Any], heads: Heads) -> Vectors:
    """Return the vectors for a choice of heads.

    Args:
        facts: Metadata of an artifact `attention`.
        heads: All heads, the mean of each layer's heads, or heads like `5.3` for layer 5, head 3.

    Raises:
        ConfigError: A chosen head does not exist.
    """
    task = task_of(facts)
    n_layers, n_heads = facts["n_layers"], facts["n_heads"]
    one_each = np.eye(n_layers * n_heads)
    names = head_names(facts)
    if heads == "all":
        return Vectors(names, one_each, task)
    if heads == "layer_means":
        means = one_each.reshape(n_layers, n_heads, -1).mean(axis=1)
        return Vectors(layer_names(facts), means, task)
    pairs = [(head, *map(int, head.split("."))) for head in heads]
    problems = [
        Problem(f"export.heads {head}", f"does not exist: layers are 0 to {n_layers - 1}, heads 0 to {n_heads - 1}")
        for head, layer, number in pairs
        if layer >= n_layers or number >= n_heads
    ]
    if problems:
        raise ConfigError("these heads cannot be exported:", problems)
    rows = [layer * n_heads + number for _, layer, number in pairs]
    return Vectors([names[row] for row in rows], one_each[rows], task)


@contextmanager
def ordered_documents(
    attention: Sequence[Path],
    vectors: Vectors,
    folder: Path,
    *,
    special_tokens: bool,
    evidence: EvidenceVectors | None = None,
) -> Iterator[Iterator[ExportedDocument]]:
    """Iterate over all documents in the order of their positions.

    Shards contain documents sorted by length. All documents are written to a temporary file, one record each, and read
    back in order, so that memory holds one document at a time.

    Args:
        attention: Artifacts `attention` of all shards.
        vectors: The exported vectors.
        folder: Folder of the temporary file.
        special_tokens: Whether [CLS], [SEP] and the like are kept.
        evidence: What the predictions depend on; None where that was not measured.

    Raises:
        ArtifactError: A shard is unusable, two documents share a position, or the evidence is of other documents.
    """
    with files.scratch_directory(folder / "spool") as place:
        spool = place / "documents.arrow"
        rows = (row for path in attention for row in iter_rows(path, attention_schemas.ATTENTION))
        contents = (_content(row, vectors, evidence, special_tokens=special_tokens) for row in rows)
        positions = _write_spool(spool, contents)
        if len(set(positions)) < len(positions):
            raise ArtifactError("the attention shards do not belong together: positions repeat.", remedy=files.REBUILD)
        order = sorted(range(len(positions)), key=positions.__getitem__)
        with pa.memory_map(str(spool)) as source, pa.ipc.open_file(source) as reader:
            batches = (reader.get_batch(index).to_pylist()[0] for index in order)
            n_vectors = len(vectors.names)
            documents = (_document(content, vectors.task, n_vectors) for content in batches)
            yield iter(track(documents, total=len(order), label="export_attention", unit="documents"))


def _write_spool(spool: Path, contents: Iterable[dict[str, Any]]) -> list[int]:
    positions = []
    with pa.OSFile(str(spool), "wb") as sink, pa.ipc.new_file(sink, _SPOOL) as writer:
        for content in contents:
            positions.append(content["position"])
            writer.write_batch(pa.RecordBatch.from_pylist([content], schema=_SPOOL))
    return positions


def _content(row: Row, vectors: Vectors, evidence: EvidenceVectors | None, *, special_tokens: bool) -> dict[str, Any]:
    special = row.array("special").astype(np.bool_)
    kept = np.flatnonzero(np.ones_like(special) if special_tokens else ~special)
    tokens = row.scalar("tokens")
    values = row.array("self_attention").reshape(-1, len(special))[:, kept]
    choice = vectors.choice
    chosen = values[choice] if choice is not None else (vectors.weights @ values).astype(np.float32)
    measured = evidence.of(row.scalar("position"), row.scalar("id"), special) if evidence else {}
    return {
        **{name: row.scalar(name) for name in _IDENTITY},
        "tokens": [tokens[index] for index in kept],
        **{name: row.array(name)[kept] for name in ("starts", "ends")},
        "special": special[kept],
        "vectors": chosen.reshape(-1),
        **{name: np.nan_to_num(values[kept]) for name, values in measured.items()},
    }


def _document(content: dict[str, Any], task: Task[Any], n_vectors: int) -> ExportedDocument:
    kept = {name: value for name, value in content.items() if name not in {*GOLD_NAMES, *PREDICTED_NAMES}}
    shape = n_vectors, len(content["tokens"])
    kept["vectors"] = np.array(content["vectors"], np.float32).reshape(shape)
    measured = {name: kept.pop(name) for name in EVIDENCE_NAMES}
    kept["evidence"] = {name: np.array(values, np.float32) for name, values in measured.items() if values is not None}
    return ExportedDocument(gold=task.gold(content), predicted=task.predicted(content), **kept)
