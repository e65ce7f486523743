"""Documents of the attention shards, one at a time, in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.aggregates import AGGREGATES
from attviz_pipeline.artifacts import attention_schemas, files, statistics_schemas
from attviz_pipeline.artifacts.rows import Row, iter_rows
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.report.token_measures import measures_of_document
from attviz_pipeline.tasks.registry import task_of
from attviz_pipeline.tasks.task import Outcome, Task


@dataclass(frozen=True)
class DocumentRow:
    """One document as extracted and aggregated.

    Args:
        gold: Gold value, as the task of the study has it; None if it is not known.
        predicted: Prediction, likewise.
        outcome: Whether the prediction is right; None if this is not known, and in regression.
        error: Predicted minus gold value; None if this is not known, and in classification.
        tokens: Vocabulary entries as text, [token].
        starts: First character of each token, code points, [token].
        ends: Character behind each token, [token].
        special: True for [CLS], [SEP] and the like, [token].
        unknown: True for [UNK], [token].
        punctuation: True for tokens of punctuation only, [token].
        words: Word that each token is a piece of; -1 for none, [token].
        segments: 0 for tokens of the text or the first of a pair, 1 for the second's, -1 for special ones, [token].
        windows: Model inputs as in schema ATTENTION.
        self_attention: Rows are the heads of all layers, [row, token], 0..1.
        aggregates: Rows as in `AGGREGATES`, [aggregate, token].
        measures: What full mode adds, by name, each [token]; see `measures_of_document`.
        on_special: Share of attention on [CLS] and [SEP], mean over heads, 0..1; None unless in full mode.
    """

    position: int
    id: str
    source_id: str
    split: str
    gold: Any
    predicted: Any
    outcome: Outcome | None
    error: float | None
    text: str
    truncated: bool
    tokens: list[str]
    windows: list[dict[str, Any]]
    probabilities: list[float]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    special: NDArray[np.bool_]
    unknown: NDArray[np.bool_]
    punctuation: NDArray[np.bool_]
    words: NDArray[np.int32]
    segments: NDArray[np.int8]
    self_attention: NDArray[np.float32]
    aggregates: NDArray[np.float32]
    measures: dict[str, NDArray[np.float64]]
    on_special: float | None


def iter_documents(attention: Path, aggregates: Path, wanted: NDArray[np.bool_] | None = None) -> Iterator[DocumentRow]:
    """Read documents of one shard together with their aggregates.

    Args:
        attention: Artifact `attention` of the shard.
        aggregates: Artifact `aggregates` of the shard.
        wanted: Whether to read each document, [position]; the others are passed over in blocks. None for all.

    Raises:
        ArtifactError: A file is missing or damaged, or the two hold different documents.
    """
    task = task_of(files.read_facts(attention, attention_schemas.ATTENTION))
    summaries = _iter_aggregates(aggregates, wanted)
    if not np.array_equal(
        _positions(attention, attention_schemas.ATTENTION), _positions(aggregates, statistics_schemas.AGGREGATES)
    ):
        raise _mismatch(attention, aggregates)
    for row, values in zip(iter_rows(attention, attention_schemas.ATTENTION, wanted), summaries, strict=True):
        document = _document(row, values, task)
        if values.shape[1] != len(document.tokens):
            raise _mismatch(attention, aggregates)
        yield document


def _positions(path: Path, schema: Schema) -> NDArray[np.int64]:
    found: NDArray[np.int64] = files.read_table(path, schema, ["position"])["position"].to_numpy()
    return found


def _iter_aggregates(path: Path, wanted: NDArray[np.bool_] | None) -> Iterator[NDArray[np.float32]]:
    for row in iter_rows(path, statistics_schemas.AGGREGATES, wanted):
        yield np.stack([row.array(name) for name in AGGREGATES])


def _document(row: Row, aggregates: NDArray[np.float32], task: Task[Any]) -> DocumentRow:
    tokens = row.scalar("tokens")
    self_attention = row.array("self_attention").reshape(-1, len(tokens))
    values = {name: row.scalar(name) for name in (task.gold_column, task.predicted_column)}
    gold, predicted = task.gold(values), task.predicted(values)
    return DocumentRow(
        position=row.scalar("position"),
        id=row.scalar("id"),
        source_id=row.scalar("source_id"),
        split=row.scalar("split"),
        gold=gold,
        predicted=predicted,
        outcome=task.outcome(gold, predicted),
        error=task.error(gold, predicted),
        text=row.scalar("text"),
        truncated=row.scalar("truncated"),
        tokens=tokens,
        windows=row.scalar("windows"),
        probabilities=row.scalar("probabilities"),
        starts=row.array("starts"),
        ends=row.array("ends"),
        special=row.array("special").astype(np.bool_),
        unknown=row.array("unknown").astype(np.bool_),
        punctuation=row.array("punctuation").astype(np.bool_),
        words=row.array("words"),
        segments=row.array("segments"),
        self_attention=self_attention,
        aggregates=aggregates,
        measures=measures_of_document(
            self_attention, row.found("received"), row.found("rollout"), row.found("value_norm")
        ),
        on_special=_on_special(row),
    )


def _on_special(row: Row) -> float | None:
    shares = [row.part("profile", name) for name in ("on_cls", "on_sep")]
    found = [float(share.mean(dtype=np.float64)) for share in shares if share is not None]
    return sum(found) if found else None


def _mismatch(attention: Path, aggregates: Path) -> ArtifactError:
    return ArtifactError(f"{aggregates} and {attention} hold different documents.", remedy=files.REBUILD)
