"""The table `document_index`: every analysed document of all shards, in the site's order."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from attviz_pipeline.analysis import exact_sums
from attviz_pipeline.analysis.batches import AttentionBatch, iter_batches
from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.artifacts.schema import GOLD_NAMES, PREDICTED_NAMES
from attviz_pipeline.errors import ArtifactError, Problem
from attviz_pipeline.progress import track
from attviz_pipeline.tasks.task import Task

COPIED = [
    *("position", "id", "source_id", "split", *GOLD_NAMES, *PREDICTED_NAMES),
    *("probabilities", "truncated", "text"),
]
ROWS_PER_GROUP = 4096


def index_documents(attention: Sequence[Path]) -> pa.Table:
    """Gather the documents of all shards, sorted by position.

    Args:
        attention: Artifacts `attention`, at least one.

    Returns:
        The columns of `document_index`, and `n_special` and `n_unknown`, the numbers of special and unknown tokens.

    Raises:
        ArtifactError: A shard is unusable, no shard holds a document, or two documents share a position or an id.
    """
    batches = [
        _rows(batch)
        for path in track(attention, total=len(attention), label="aggregate_dataset: documents", unit="shards")
        for batch in iter_batches(path, [*COPIED, "windows"])
    ]
    if not batches:
        raise ArtifactError(
            f"no document to analyse: all {len(attention)} attention shards are empty.",
            remedy="Choose another documents.split, or check why the corpus has no usable row in it.",
        )
    table = pa.concat_tables(batches)
    _check_unique(table)
    return table.take(pc.sort_indices(table["position"]))


def write_index(path: Path, documents: pa.Table, task: Task[Any]) -> None:
    """Write the artifact `document_index`."""
    table = documents.select(statistics_schemas.DOCUMENT_INDEX.arrow.names)
    with files.TableWriter(path, statistics_schemas.DOCUMENT_INDEX, task.facts) as writer:
        for start in range(0, table.num_rows, ROWS_PER_GROUP):
            writer.write_table(table.slice(start, ROWS_PER_GROUP))


def _rows(batch: AttentionBatch) -> pa.Table:
    columns: dict[str, Any] = {name: batch.documents[name] for name in COPIED}
    columns["n_tokens"] = pa.array(batch.n_tokens.astype(np.int32))
    columns["n_special"] = pa.array(np.bincount(batch.document[batch.special], minlength=batch.n_documents))
    columns["n_unknown"] = pa.array(np.bincount(batch.document[batch.unknown], minlength=batch.n_documents))
    columns["n_windows"] = pc.list_value_length(batch.documents["windows"])
    columns["mean"] = pa.array(_means(batch))
    return pa.table(columns)


def _means(batch: AttentionBatch) -> NDArray[np.float64]:
    values, document = batch.values[~batch.special].astype(np.float64), batch.document[~batch.special]
    # Limbs add exactly, over the heads of a token and over the tokens of a document.
    limbs = exact_sums.to_limbs(values, exact_sums.SUM_LIMBS).sum(axis=2)
    sums = np.zeros((len(limbs), batch.n_documents), np.int64)
    for limb, of_tokens in zip(sums, limbs, strict=True):
        np.add.at(limb, document, of_tokens)
    counts = np.bincount(document, minlength=batch.n_documents) * values.shape[1]
    return exact_sums.mean(sums, counts)


def _check_unique(documents: pa.Table) -> None:
    problems = [problem for name in ("position", "id") for problem in _repeats(name, documents[name].to_pylist())]
    if problems:
        raise ArtifactError("the attention shards do not belong together:", problems, files.REBUILD)


def _repeats(name: str, values: Iterable[object]) -> list[Problem]:
    seen: set[object] = set()
    repeated = [value for value in values if value in seen or seen.add(value)]  # type: ignore[func-returns-value]
    return [Problem(f"{name} {value!r}", "occurs more than once") for value in repeated]
