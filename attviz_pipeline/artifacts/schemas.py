"""Every file format of the pipeline: name, version, the stage that writes it, and its columns.

`docs/artifacts.md` is generated from these descriptions. Change a column's meaning, and its schema's version rises.
"""

from dataclasses import dataclass, field

import pyarrow as pa


@dataclass(frozen=True)
class Schema:
    """One artefact: a Parquet table (`arrow` lists its columns) or a JSON file (`arrow` is empty)."""

    name: str
    version: int
    stage: str
    description: str
    arrow: pa.Schema = field(default_factory=lambda: pa.schema([]))

    @property
    def identifier(self) -> str:
        """Name and version as written into the file, for example `attviz/attention/1`."""
        return f"attviz/{self.name}/{self.version}"


def _column(name: str, arrow_type: pa.DataType, description: str, *, nullable: bool = False) -> pa.Field:
    return pa.field(name, arrow_type, nullable=nullable, metadata={"description": description})


def _list(value_type: pa.DataType) -> pa.DataType:
    return pa.list_(pa.field("element", value_type, nullable=False))


_IDENTITY = [
    _column("position", pa.int64(), "Place in the site's order, 0-based; names the document's page"),
    _column("id", pa.string(), "Document id, unique; a segment's id is `<source_id>#<number>`"),
    _column("source_id", pa.string(), "Id of the input row that the document is, or is a segment of"),
    _column("split", pa.string(), "train, validation or test"),
    _column("label", pa.int32(), "Gold class, index into `label_names`"),
]

DATASET = Schema(
    "dataset", 1, "prepare_dataset", "Facts of the corpus: `label_names`, counts per split and class, source, digests"
)

DOCUMENTS = Schema(
    "documents",
    1,
    "prepare_dataset",
    "Every usable input row, whole, in input order. Facts: `label_names`",
    pa.schema(
        [
            _column("id", pa.string(), "Unique id"),
            _column("split", pa.string(), "train, validation or test"),
            _column("label", pa.int32(), "Gold class, index into `label_names`"),
            _column("text", pa.string(), "The text, unchanged"),
        ]
    ),
)

LEDGER = Schema(
    "ledger",
    1,
    "prepare_dataset; completed by aggregate_dataset",
    "What became of every input row, one row each",
    pa.schema(
        [
            _column("file", pa.string(), "File, or hub split, that the row comes from"),
            _column("row", pa.int64(), "Number of the row in its file, 1-based, the header not counted"),
            _column("id", pa.string(), "Id of the row"),
            _column("split", pa.string(), "train, validation or test; empty for a row that was left out"),
            _column(
                "status",
                pa.string(),
                "kept (after prepare_dataset); finally shown, windowed, truncated, not_analysed; "
                "or left out: empty, duplicate, unreadable_text, unreadable_label",
            ),
            _column("detail", pa.string(), "Why, or into how many segments or windows; which row it repeats"),
        ]
    ),
)

SHARD = Schema(
    "shard",
    1,
    "shard_documents",
    "Documents of one extraction job, in blocks of similar length. Facts: `label_names`",
    pa.schema(
        [
            *_IDENTITY,
            _column("text", pa.string(), "The document's text, unchanged"),
            _column("block", pa.int64(), "Block of the whole analysis; a batch never spans two blocks"),
        ]
    ),
)

MODEL = Schema("model", 1, "prepare_model", "Facts of the classifier: source, revision, digests, classes, versions")

METRICS = Schema(
    "metrics", 1, "prepare_model", "Scores per split (accuracy, macro F1, per class, confusion) and training history"
)

WINDOW = pa.struct(
    [
        pa.field("first_token", pa.int32(), nullable=False),
        pa.field("n_tokens", pa.int32(), nullable=False),
        pa.field("n_model_tokens", pa.int32(), nullable=False),
        pa.field("probabilities", _list(pa.float32()), nullable=False),
    ]
)

ATTENTION = Schema(
    "attention",
    1,
    "extract_attention",
    "Self-attention of every layer and head. Facts: `n_layers`, `n_heads`, `label_names`, `model`",
    pa.schema(
        [
            *_IDENTITY,
            _column("text", pa.string(), "The document's text, unchanged"),
            _column("prediction", pa.int32(), "Predicted class, index into `label_names`"),
            _column(
                "probabilities",
                _list(pa.float32()),
                "Softmax of the logits, [class], 0..1; of a windowed document the mean over its windows",
            ),
            _column("tokens", _list(pa.string()), "Vocabulary entries, [token], special tokens included"),
            _column("token_ids", _list(pa.int32()), "Vocabulary indices, [token]"),
            _column("starts", _list(pa.int32()), "First character of each token in `text`, code points, [token]"),
            _column(
                "ends", _list(pa.int32()), "Character behind each token, [token]; equals `starts` for special tokens"
            ),
            _column("special", _list(pa.bool_()), "True for [CLS], [SEP] and the like, [token]"),
            _column(
                "windows",
                _list(WINDOW),
                "Model inputs that the document was cut into, in order: first token kept and number of tokens kept "
                "(of an overlap, each window keeps the half nearer its middle), tokens the model saw, probabilities",
            ),
            _column("truncated", pa.bool_(), "True where the text's end was cut off"),
            _column(
                "self_attention",
                _list(pa.float32()),
                "Diagonal of the softmaxed attention matrix, [layer, head, token] flattened in C order, 0..1, "
                "rounded to `attention.mantissa_bits`",
            ),
        ]
    ),
)

AGGREGATES = Schema(
    "aggregates",
    1,
    "aggregate_shard",
    "The paper's Table 2: per token position over all layers and heads",
    pa.schema(
        [
            *_IDENTITY[:2],
            _column("mean", _list(pa.float32()), "Mean over layers and heads, [token], 0..1"),
            _column(
                "entropy",
                _list(pa.float32()),
                "-(1/m_j) sum_i A_ij ln A_ij over layers and heads i, m_j the number of distinct values, [token], nats",
            ),
            _column("std", _list(pa.float32()), "Standard deviation, divided by h - 1, [token]"),
            _column("max", _list(pa.float32()), "Maximum over layers and heads, [token], 0..1"),
            _column("min", _list(pa.float32()), "Minimum over layers and heads, [token], 0..1"),
        ]
    ),
)

TOKEN_SUMS = Schema(
    "token_sums",
    1,
    "aggregate_shard",
    "Exact sums per vocabulary entry of one shard; adding shards in any order gives the same bits. "
    "Facts: `n_layers`, `n_heads`",
    pa.schema(
        [
            _column("token_id", pa.int32(), "Vocabulary index"),
            _column("token", pa.string(), "Vocabulary entry"),
            _column("special", pa.bool_(), "True for [CLS], [SEP] and the like"),
            _column("count", pa.int64(), "Occurrences"),
            _column("document_frequency", pa.int64(), "Documents it occurs in"),
            _column("sum", _list(pa.int64()), "Sum of self-attention, fixed point, [limb, layer, head]"),
            _column("sum_of_squares", _list(pa.int64()), "Sum of squares, fixed point, [limb, layer, head]"),
            _column("min", _list(pa.float32()), "Minimum, [layer, head]"),
            _column("max", _list(pa.float32()), "Maximum, [layer, head]"),
        ]
    ),
)

HEAD_SUMS = Schema(
    "head_sums",
    1,
    "aggregate_shard",
    "Exact sums per head of one shard, special tokens left out",
    pa.schema(
        [
            _column("layer", pa.int32(), "Layer, 0-based"),
            _column("head", pa.int32(), "Head, 0-based"),
            _column("count", pa.int64(), "Tokens"),
            _column("sum", _list(pa.int64()), "Sum of self-attention, fixed point, [limb]"),
            _column("sum_of_squares", _list(pa.int64()), "Sum of squares, fixed point, [limb]"),
            _column("min", pa.float32(), "Minimum; 1 where there is no token"),
            _column("max", pa.float32(), "Maximum; 0 where there is no token"),
            _column("histogram", _list(pa.int64()), "Tokens per tenth of a decade: below 1e-8, then 80 bins up to 1"),
        ]
    ),
)

_MOMENTS = [
    _column("mean", pa.float64(), "Mean self-attention, 0..1"),
    _column("std", pa.float64(), "Standard deviation (n - 1); 0 for a single value"),
    _column("min", pa.float64(), "Minimum, 0..1"),
    _column("max", pa.float64(), "Maximum, 0..1"),
]

_TOKEN = [
    _column("token", pa.string(), "Vocabulary entry"),
    _column("special", pa.bool_(), "True for [CLS], [SEP] and the like"),
    _column("count", pa.int64(), "Occurrences in the analysed documents"),
    _column("document_frequency", pa.int64(), "Documents it occurs in"),
]

TOKENS = Schema(
    "tokens",
    1,
    "aggregate_dataset",
    "One row per vocabulary entry that occurs, moments over its occurrences and all heads; sorted by `mean`, falling",
    pa.schema([*_TOKEN, *_MOMENTS]),
)

HEAD_TOKENS = Schema(
    "head_tokens",
    1,
    "aggregate_dataset",
    "One row per head and vocabulary entry, one row group per head; sorted by layer, head, and `mean`, falling",
    pa.schema(
        [
            _column("layer", pa.int32(), "Layer, 0-based"),
            _column("head", pa.int32(), "Head, 0-based"),
            *_TOKEN,
            *_MOMENTS,
        ]
    ),
)

HEADS = Schema(
    "heads",
    1,
    "aggregate_dataset",
    "One row per head, over all tokens but special ones; sorted by layer, head",
    pa.schema(
        [
            _column("layer", pa.int32(), "Layer, 0-based"),
            _column("head", pa.int32(), "Head, 0-based"),
            _column("count", pa.int64(), "Tokens"),
            *_MOMENTS,
            _column("histogram", _list(pa.int64()), "Tokens per tenth of a decade: below 1e-8, then 80 bins up to 1"),
        ]
    ),
)

DOCUMENT_INDEX = Schema(
    "document_index",
    1,
    "aggregate_dataset",
    "One row per analysed document, sorted by `position`. Facts: `label_names`",
    pa.schema(
        [
            *_IDENTITY,
            _column("prediction", pa.int32(), "Predicted class, index into `label_names`"),
            _column("probabilities", _list(pa.float32()), "[class], 0..1"),
            _column("n_tokens", pa.int32(), "Tokens, special ones included"),
            _column("n_windows", pa.int32(), "Model inputs it was cut into"),
            _column("truncated", pa.bool_(), "True where the text's end was cut off"),
            _column("mean", pa.float64(), "Mean self-attention over heads and tokens but special ones, 0..1"),
            _column("text", pa.string(), "The document's text, unchanged"),
        ]
    ),
)

SUMMARY = Schema(
    "summary",
    1,
    "aggregate_dataset",
    "Counts and scores of the analysed documents: `n_documents`, `n_sources` (input rows), `n_windowed_documents`, "
    "`n_truncated_documents`, `n_tokens`, `n_tokens_without_special`, `tokens_per_document` (min, mean, max), "
    "`n_vocabulary_entries`, `n_layers`, `n_heads`, `label_names`, `accuracy`, `macro_f1`, `mean_confidence`, "
    "`confusion` [gold, predicted], `ledger` counts per status",
)

FIGURES = Schema(
    "figures",
    1,
    "draw_figures",
    "List of figures: `name`, `kind`, `layer` and `head` or null, files `svg`, `png`, `csv`, `caption`, `alt`, "
    "`width` and `height` in pixels",
)

ALL: tuple[Schema, ...] = (
    DATASET,
    DOCUMENTS,
    LEDGER,
    SHARD,
    MODEL,
    METRICS,
    ATTENTION,
    AGGREGATES,
    TOKEN_SUMS,
    HEAD_SUMS,
    TOKENS,
    HEAD_TOKENS,
    HEADS,
    DOCUMENT_INDEX,
    SUMMARY,
    FIGURES,
)
