"""The stage `aggregate_dataset`: merge the sums of all shards into the statistics of the whole study."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from attviz_pipeline.analysis.batches import head_counts
from attviz_pipeline.analysis.documents import index_documents, write_index
from attviz_pipeline.analysis.head_sums import HeadSums
from attviz_pipeline.analysis.ledger import complete_ledger
from attviz_pipeline.analysis.moments import write_head_tokens, write_tokens
from attviz_pipeline.analysis.summary import summarise
from attviz_pipeline.analysis.token_sums import TokenRows, TokenSums
from attviz_pipeline.artifacts import attention_schemas, files, statistics_schemas
from attviz_pipeline.artifacts.layout import StatisticsPaths
from attviz_pipeline.errors import ArtifactError, Problem
from attviz_pipeline.tasks.registry import task_of
from attviz_pipeline.tasks.task import Task


def aggregate_dataset(
    attention: Sequence[Path],
    token_sums: Sequence[Path],
    head_sums: Sequence[Path],
    ledger: Path,
    statistics: StatisticsPaths,
) -> None:
    """Merge the shards' sums; the results do not depend on the sharding of the documents.

    Args:
        attention: Artifacts `attention` of all shards.
        token_sums: Artifacts `token_sums` of the same shards.
        head_sums: Artifacts `head_sums` of the same shards.
        ledger: Artifact `ledger` of `prepare_dataset`.
        statistics: Artifacts to write.

    Raises:
        ArtifactError: A file is unusable, the shards come from different models, or there is no document at all.
    """
    model = _model_facts(attention, token_sums)
    documents = index_documents(attention)
    rows = _merged_rows(token_sums, model)
    heads = HeadSums(model.n_layers, model.n_heads)
    for path in head_sums:
        heads.add_file(path)
    status_counts = complete_ledger(ledger, documents, statistics.ledger)
    write_index(statistics.document_index, documents, model.task)
    write_tokens(statistics.tokens, rows)
    write_head_tokens(statistics.head_tokens, rows, model.n_layers, model.n_heads)
    heads.write_heads(statistics.heads)
    summary = {
        **summarise(documents, model.task),
        "n_vocabulary_entries": len(rows.tokens),
        "n_layers": model.n_layers,
        "n_heads": model.n_heads,
        "ledger": status_counts,
    }
    files.write_json(statistics.summary, statistics_schemas.SUMMARY, summary)


class _ModelFacts(NamedTuple):
    n_layers: int
    n_heads: int
    task: Task[Any]


def _model_facts(attention: Sequence[Path], token_sums: Sequence[Path]) -> _ModelFacts:
    """Return the facts of the first shard, and check that all shards agree with it."""
    facts = {path: files.read_facts(path, attention_schemas.ATTENTION) for path in attention}
    if not facts:
        raise ArtifactError("no attention shard was given: there is nothing to aggregate.")
    first = facts[attention[0]]
    model = _ModelFacts(*head_counts(first, attention[0]), task=task_of(first))
    problems = [Problem(str(path), "is of another model or corpus") for path in attention if facts[path] != first]
    problems += [
        Problem(str(path), f"is not of a model with {model.n_layers} x {model.n_heads} heads")
        for path in token_sums
        if head_counts(files.read_facts(path, statistics_schemas.TOKEN_SUMS), path) != model[:2]
    ]
    if problems:
        raise ArtifactError(f"these shards do not fit {attention[0]}:", problems, files.REBUILD)
    return model


def _merged_rows(token_sums: Sequence[Path], model: _ModelFacts) -> TokenRows:
    sums = TokenSums(model.n_layers, model.n_heads)
    for path in token_sums:
        sums.add_file(path)
    return sums.by_token_id()
