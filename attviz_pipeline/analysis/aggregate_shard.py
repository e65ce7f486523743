"""The stage `aggregate_shard`: aggregates per document and mergeable sums of one attention shard."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from attviz_pipeline.aggregates import DEFINITIONS, Formula
from attviz_pipeline.analysis.batches import AttentionBatch, iter_batches, read_head_counts
from attviz_pipeline.analysis.head_sums import HeadSums
from attviz_pipeline.analysis.lists import ragged_column
from attviz_pipeline.analysis.token_sums import TokenRows, TokenSums
from attviz_pipeline.artifacts import attention_schemas, files, statistics_schemas
from attviz_pipeline.config.settings import AggregatesSettings
from attviz_pipeline.progress import Progress
from attviz_pipeline.stages import AggregateShard

PAPER = AggregateShard(aggregates=AggregatesSettings(definition="paper"))


def aggregate_shard(
    attention: Path, aggregates: Path, token_sums: Path, head_sums: Path, *, settings: AggregateShard = PAPER
) -> None:
    """Aggregate the self-attention of one shard, in one pass and in memory bounded by the vocabulary.

    Args:
        attention: Artifact `attention`, read.
        aggregates: Artifact `aggregates`, written: the aggregates of every document.
        token_sums: Artifact `token_sums`, written.
        head_sums: Artifact `head_sums`, written.
        settings: Definition of the aggregates; by default the paper's.

    Raises:
        ArtifactError: The shard is unusable or contains self-attention outside 0..1.
    """
    n_layers, n_heads = read_head_counts(attention)
    tokens, heads = TokenSums(n_layers, n_heads), HeadSums(n_layers, n_heads)
    n_documents = files.count_rows(attention, attention_schemas.ATTENTION)
    definition = settings.aggregates.definition
    facts = {"n_layers": n_layers, "n_heads": n_heads, "definition": definition}
    with (
        files.TableWriter(aggregates, statistics_schemas.AGGREGATES, facts) as writer,
        Progress(total=n_documents, label="aggregate_shard", unit="documents") as progress,
    ):
        for batch in iter_batches(attention, ["position", "id"]):
            writer.write_table(_aggregates(batch, DEFINITIONS[definition]))
            tokens.add(TokenRows.of_batch(batch))
            heads.add_batch(batch)
            progress.advance(batch.n_documents)
    tokens.write(token_sums)
    heads.write_sums(head_sums)


def _aggregates(batch: AttentionBatch, formulas: Mapping[str, Formula]) -> pa.Table:
    matrix = batch.values.astype("float64").T
    lists = {
        name: ragged_column(formula(matrix).astype("float32"), batch.n_tokens) for name, formula in formulas.items()
    }
    return pa.table({"position": batch.documents["position"], "id": batch.documents["id"], **lists})
