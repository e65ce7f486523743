"""Formats of the corpus: what is in it, its documents, what became of every row, the shards."""

import pyarrow as pa

from attviz_pipeline.artifacts.schema import IDENTITY, PAIR_START, Schema, column

DATASET = Schema(
    "dataset", 1, "prepare_dataset", "Facts of the corpus: `label_names`, counts per split and class, source, digests"
)

DOCUMENTS = Schema(
    "documents",
    2,
    "prepare_dataset",
    "Every usable input row, not segmented, in input order. Facts: `label_names`",
    pa.schema(
        [
            column("id", pa.string(), "Unique id"),
            column("split", pa.string(), "train, validation or test"),
            column("label", pa.int32(), "Gold class, index into `label_names`"),
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
    2,
    "shard_documents",
    "Documents of one extraction job, in blocks of similar length. Facts: `label_names`",
    pa.schema(
        [
            *IDENTITY,
            column(
                "text", pa.string(), "The document's text, unchanged; for a pair, both texts with a line feed between"
            ),
            PAIR_START,
            column("block", pa.int64(), "Block of the whole analysis; a batch never spans two blocks"),
        ]
    ),
)
