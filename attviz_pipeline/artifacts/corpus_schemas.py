"""Formats of the corpus: what is in it, its documents, what became of every row, the shards."""

import pyarrow as pa

from attviz_pipeline.artifacts.schema import GOLD, IDENTITY, PAIR_START, TASK, Schema, column

DATASET = Schema(
    "dataset",
    2,
    "prepare_dataset",
    f"Facts of the corpus: {TASK}, counts per split (`splits`: rows with each label; in regression quantiles of the "
    "values), `n_unlabelled` rows per split, source, digests",
)

DOCUMENTS = Schema(
    "documents",
    3,
    "prepare_dataset",
    f"Every usable input row, not segmented, in input order. Facts: {TASK}",
    pa.schema(
        [
            column("id", pa.string(), "Unique id"),
            column("split", pa.string(), "train, validation or test"),
            *GOLD,
            column("text", pa.string(), "The text, unchanged; for a pair, both texts with a line feed between"),
            PAIR_START,
        ]
    ),
)

LEDGER = Schema(
    "ledger",
    1,
    "prepare_dataset; completed by aggregate_dataset",
    "The outcome of every input row, one row each",
    pa.schema(
        [
            column("file", pa.string(), "File, or hub split, that the row comes from"),
            column("row", pa.int64(), "Number of the row in its file, 1-based, without the header"),
            column("id", pa.string(), "Id of the row"),
            column("split", pa.string(), "train, validation or test; empty for a row that was left out"),
            column(
                "status",
                pa.string(),
                "kept (after prepare_dataset); finally shown, windowed, truncated, not_analysed; "
                "or left out: empty, duplicate, unreadable_text, unreadable_label",
            ),
            column("detail", pa.string(), "The reason, the number of segments or windows, or the row that it repeats"),
        ]
    ),
)

SHARD = Schema(
    "shard",
    3,
    "shard_documents",
    f"Documents of one extraction job, in blocks of similar length. Facts: {TASK}",
    pa.schema(
        [
            *IDENTITY,
            *GOLD,
            column(
                "text", pa.string(), "The document's text, unchanged; for a pair, both texts with a line feed between"
            ),
            PAIR_START,
            column("block", pa.int64(), "Block of the whole analysis; a batch never spans two blocks"),
        ]
    ),
)
