"""Every file format of the pipeline: name, version, the stage that writes it, and its columns.

`docs/artifacts.md` is generated from these descriptions. If the meaning of a column changes, raise the version of its
schema.
"""

import pyarrow as pa

from attviz_pipeline.artifacts import profile_schemas
from attviz_pipeline.artifacts.schema import IDENTITY as _IDENTITY
from attviz_pipeline.artifacts.schema import MOMENTS as _MOMENTS
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.artifacts.schema import column as _column
from attviz_pipeline.artifacts.schema import list_of as _list

_PAIR_START = _column(
    "pair_start",
    pa.int32(),
    "First character of the second text of a pair in `text`; null if there is no pair",
    nullable=True,
)

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
            _column("id", pa.string(), "Unique id"),
            _column("split", pa.string(), "train, validation or test"),
            _column("label", pa.int32(), "Gold class, index into `label_names`"),
            _column("text", pa.string(), "The text, unchanged; for a pair, both texts with a line feed between"),
            _PAIR_START,
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
            _column("file", pa.string(), "File, or hub split, that the row comes from"),
            _column("row", pa.int64(), "Number of the row in its file, 1-based, without the header"),
            _column("id", pa.string(), "Id of the row"),
            _column("split", pa.string(), "train, validation or test; empty for a row that was left out"),
            _column(
                "status",
                pa.string(),
                "kept (after prepare_dataset); finally shown, windowed, truncated, not_analysed; "
                "or left out: empty, duplicate, unreadable_text, unreadable_label",
            ),
            _column("detail", pa.string(), "The reason, the number of segments or windows, or the row that it repeats"),
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
            *_IDENTITY,
            _column(
                "text", pa.string(), "The document's text, unchanged; for a pair, both texts with a line feed between"
            ),
            _PAIR_START,
            _column("block", pa.int64(), "Block of the whole analysis; a batch never spans two blocks"),
        ]
    ),
)

MODEL = Schema(
    "model",
    1,
    "prepare_model",
    "Facts of the classifier: source, revision, digests, classes, versions; `n_layers` and `n_heads` that return "
    "attention; `padding`: `token_id`, and its origin (`of`: `model`, `tokenizer` or `added`); `offsets`, false if "
    "its tokenizer gives no character offsets",
)

METRICS = Schema(
    "metrics",
    1,
    "prepare_model",
    "Scores per split (accuracy, macro F1, per class, confusion); `n_tokens` of text per split, among them `n_unknown` "
    "(read as [UNK]) and `n_control` (control tokens that occur in a text); training history",
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
    3,
    "extract_attention",
    "Self-attention of every layer and head, and what full mode adds (null without it). "
    "Facts: `n_layers`, `n_heads`, `label_names`, `model`, `mode`, `device`, `precision`, and `offsets`: false if "
    "the tokenizer gives no character offsets",
    pa.schema(
        [
            *_IDENTITY,
            _column(
                "text",
                pa.string(),
                "The document's text, unchanged; for a pair, both texts with a line feed between; without offsets, the "
                "concatenated pieces; imported texts with word pieces joined (docs/formats.md)",
            ),
            _PAIR_START,
            _column("prediction", pa.int32(), "Predicted class, index into `label_names`"),
            _column(
                "probabilities",
                _list(pa.float32()),
                "Softmax of the logits, [class], 0..1; for a document in several windows, the mean over them",
            ),
            _column(
                "tokens",
                _list(pa.string()),
                "Vocabulary entries as text, [token], including special tokens: `␣` is a space, `##` marks where a "
                "word continues, `‹F0 9F›` are bytes that are not text by themselves; imported, as in the file",
            ),
            _column(
                "entries",
                _list(pa.string()),
                "Vocabulary entries as the tokenizer spells them, [token]; null if imported or share-safe",
                nullable=True,
            ),
            _column("token_ids", _list(pa.int32()), "Vocabulary indices, [token]"),
            _column("starts", _list(pa.int32()), "First character of each token in `text`, code points, [token]"),
            _column(
                "ends",
                _list(pa.int32()),
                "First character after each token, [token]; equals `starts` for special tokens",
            ),
            _column("special", _list(pa.bool_()), "True for special tokens such as [CLS] and [SEP], [token]"),
            _column(
                "unknown",
                _list(pa.bool_()),
                "True if the vocabulary cannot spell the text, so that the model reads [UNK], [token]",
            ),
            _column(
                "punctuation",
                _list(pa.bool_()),
                "True if all characters of the token, except white space, are punctuation (Unicode P*), [token]",
            ),
            _column(
                "words",
                _list(pa.int32()),
                "Word that the token is a piece of (Unicode Standard Annex 29), counted in `text` from 0, [token]; -1 "
                "for special tokens and tokens that cover no text or only white space",
            ),
            _column(
                "segments",
                _list(pa.int8()),
                "0 for tokens of the text or of the first text of a pair, 1 for those of the second, -1 for special "
                "tokens, [token]",
            ),
            _column(
                "windows",
                _list(WINDOW),
                "Model inputs of the document, in order: first token kept and number of tokens kept "
                "(of an overlap, each window keeps the half nearer its middle), tokens of the input, probabilities",
            ),
            _column("truncated", pa.bool_(), "True if the end of the text was truncated"),
            _column(
                "self_attention",
                _list(pa.float32()),
                "Diagonal of the softmaxed attention matrix, [layer, head, token] flattened in C order, 0..1, "
                "rounded to `attention.mantissa_bits`",
            ),
            _column(
                "received",
                _list(pa.float32()),
                "Mean attention a token receives from the tokens of its window, including special ones, "
                "[layer, head, token], 0..1; rounded like the next two",
                nullable=True,
            ),
            _column(
                "value_norm",
                _list(pa.float32()),
                "Norm of the value vector after the head's output weights (Kobayashi et al. 2020), "
                "[layer, head, token]; multiplied by attention it is norm-weighted attention; null if the architecture "
                "does not expose its value vectors",
                nullable=True,
            ),
            _column(
                "rollout",
                _list(pa.float32()),
                "Attention rollout over all layers, half residual (Abnar & Zuidema 2020), from the token that the "
                "classification head reads to each token of its window, [token], 0..1",
                nullable=True,
            ),
            _column(
                "profile",
                pa.struct([pa.field(name, _list(pa.float32()), nullable=False) for name in profile_schemas.MEASURES]),
                "Means over the document's non-special tokens, each [layer, head] flattened: "
                + "; ".join(f"`{name}` {description}" for name, description in profile_schemas.MEASURES.items())
                + "; also null for a document that contains only special tokens",
                nullable=True,
            ),
        ]
    ),
)

AGGREGATES = Schema(
    "aggregates",
    1,
    "aggregate_shard",
    "Per token position over all layers and heads, as in the paper's Table 2. If the fact `definition` is `attviz`, "
    "the standard deviation is divided by h, and the entropy is -(1/b) sum p ln p over the b bins of width 0.01 "
    "that hold a share p of the values. Facts: `n_layers`, `n_heads`, `definition`",
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

_ENTRY = "Vocabulary entry as the tokenizer spells it; null if imported or share-safe"

TOKEN_SUMS = Schema(
    "token_sums",
    2,
    "aggregate_shard",
    "Exact sums per vocabulary entry of one shard; adding shards in any order gives the same bits. "
    "Facts: `n_layers`, `n_heads`",
    pa.schema(
        [
            _column("token_id", pa.int32(), "Vocabulary index"),
            _column("token", pa.string(), "Vocabulary entry as text"),
            _column("entry", pa.string(), _ENTRY, nullable=True),
            _column("special", pa.bool_(), "True for special tokens such as [CLS] and [SEP], and for [UNK]"),
            _column("count", pa.int64(), "Occurrences"),
            _column("document_frequency", pa.int64(), "Documents that contain it"),
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
    "Exact sums per head of one shard, without special tokens",
    pa.schema(
        [
            _column("layer", pa.int32(), "Layer, 0-based"),
            _column("head", pa.int32(), "Head, 0-based"),
            _column("count", pa.int64(), "Tokens"),
            _column("sum", _list(pa.int64()), "Sum of self-attention, fixed point, [limb]"),
            _column("sum_of_squares", _list(pa.int64()), "Sum of squares, fixed point, [limb]"),
            _column("min", pa.float32(), "Minimum; 1 if there is no token"),
            _column("max", pa.float32(), "Maximum; 0 if there is no token"),
            _column("histogram", _list(pa.int64()), "Tokens per tenth of a decade: below 1e-8, then 80 bins up to 1"),
        ]
    ),
)

_TOKEN = [
    _column("token", pa.string(), "Vocabulary entry as text"),
    _column("special", pa.bool_(), "True for special tokens such as [CLS] and [SEP], and for [UNK]"),
    _column("count", pa.int64(), "Occurrences in the analysed documents"),
    _column("document_frequency", pa.int64(), "Documents that contain it"),
]

TOKENS = Schema(
    "tokens",
    2,
    "aggregate_dataset",
    "One row per vocabulary entry that occurs, with moments over its occurrences and all heads; "
    "sorted by `mean`, descending",
    pa.schema([_TOKEN[0], _column("entry", pa.string(), _ENTRY, nullable=True), *_TOKEN[1:], *_MOMENTS]),
)

HEAD_TOKENS = Schema(
    "head_tokens",
    2,
    "aggregate_dataset",
    "One row per head and vocabulary entry, one row group per head; sorted by layer, head, and `mean`, descending",
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
    "One row per head, over all non-special tokens; sorted by layer, head",
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
    2,
    "aggregate_dataset",
    "One row per analysed document, sorted by `position`. Facts: `label_names`",
    pa.schema(
        [
            *_IDENTITY,
            _column("prediction", pa.int32(), "Predicted class, index into `label_names`"),
            _column("probabilities", _list(pa.float32()), "[class], 0..1"),
            _column("n_tokens", pa.int32(), "Tokens, including special ones"),
            _column("n_windows", pa.int32(), "Number of its windows"),
            _column("truncated", pa.bool_(), "True if the end of the text was truncated"),
            _column("mean", pa.float64(), "Mean self-attention over heads and non-special tokens, 0..1"),
            _column("text", pa.string(), "The document's text, unchanged"),
        ]
    ),
)

SUMMARY = Schema(
    "summary",
    3,
    "aggregate_dataset",
    "Counts and scores of the analysed documents: `n_documents`, `n_sources` (input rows), `n_windowed_documents`, "
    "`n_truncated_documents`, `n_tokens`, `n_tokens_without_special`, `n_unknown_tokens` (read as [UNK]), "
    "`n_documents_with_unknown`, `tokens_per_document` (min, mean, max), "
    "`n_vocabulary_entries`, `n_layers`, `n_heads`, `label_names`, `mean_confidence`, `n_labelled` (documents with a "
    "known gold class) and, over these, `accuracy`, `macro_f1` and `confusion` [gold, predicted], null if there "
    "are none; `ledger` counts per status",
)

_ESTIMATE = "`value` with a 95 % interval `low`, `high` from a bootstrap over input rows, null if undefined"

ASSESSMENT = Schema(
    "assessment",
    1,
    "assess_predictions",
    "Assessment of the classifier on the analysed documents: counts, `settings`, `seed`; `scores`, empty "
    "without gold labels: `accuracy`, `macro_f1` (no interval with few rows in a class), `overconfidence` (mean "
    "confidence minus accuracy), `ece_equal_width` and `ece_equal_mass` (expected calibration error, never an "
    f"interval), each {_ESTIMATE}; `ece_of_a_calibrated_model` by simulation; `confusion` [gold, predicted]; "
    "`per_class` scores; `confidence_and_entropy` for all, correctly classified and misclassified documents: rank "
    "correlation `spearman` of "
    "confidence with mean entropy, and `spearman_at_equal_length`, the partial one given the number of tokens, "
    "estimated like the scores; `aggregates` names the definition of entropy",
)

CALIBRATION = Schema(
    "calibration",
    1,
    "assess_predictions",
    "Points of the reliability diagram: one row per binning and non-empty bin; empty without gold labels",
    pa.schema(
        [
            _column("binning", pa.string(), "equal_width or equal_mass"),
            _column("bin", pa.int32(), "Bin, 0-based, by increasing confidence"),
            _column("lower", pa.float64(), "Lower edge of confidence, exclusive, 0..1"),
            _column("upper", pa.float64(), "Upper edge of confidence, inclusive, 0..1"),
            _column("n_documents", pa.int64(), "Documents"),
            _column("mean_confidence", pa.float64(), "Mean probability of the predicted class, 0..1"),
            _column("accuracy", pa.float64(), "Proportion of correctly classified documents, 0..1"),
            _column("accuracy_low", pa.float64(), "Lower bound of the 95 % Wilson interval of `accuracy`"),
            _column("accuracy_high", pa.float64(), "Upper bound of the 95 % Wilson interval of `accuracy`"),
        ]
    ),
)

CONFIDENCES = Schema(
    "confidences",
    1,
    "assess_predictions",
    "One row per analysed document, sorted by `position`",
    pa.schema(
        [
            _IDENTITY[0],
            _IDENTITY[4],
            _column("prediction", pa.int32(), "Predicted class, index into `label_names`"),
            _column(
                "right",
                pa.bool_(),
                "Whether prediction and gold class agree; null if the gold class is unknown",
                nullable=True,
            ),
            _column("confidence", pa.float64(), "Probability of the predicted class, 0..1"),
            _column(
                "mean_entropy",
                pa.float64(),
                "Mean of the aggregate `entropy` over the document's non-special tokens, "
                "nats; null without such tokens",
                nullable=True,
            ),
            _column("n_tokens", pa.int32(), "Tokens, including special ones"),
        ]
    ),
)

FIGURES = Schema(
    "figures",
    3,
    "draw_figures",
    "List of figures: `name`, `kind`, `layer` and `head` or null, files `svg`, `png`, `csv`, `parquet`, `caption`, "
    "`alt`, `width` and `height` in pixels, `sha256` of each file, `chapter` of docs/statistics/ that explains it or "
    "null, `names_words`: whether picture or `alt` show words of documents; `formulas` by kind; "
    "`provenance`: corpus, model, "
    "seed and code of all, also in the metadata of each figure's Parquet file, under `attviz.provenance`",
)

RUN = Schema(
    "run",
    2,
    "render_site",
    "Summary of the site, for an index of several sites: `name`, `title`, `description`, `n_documents`, "
    "`n_layers`, `n_heads`, `model`, `commit` of the code, `redaction` and its `min_document_frequency`; `digests`: "
    "for each folder of the site the SHA-256 over one line per file, sorted, with its SHA-256 and path. In the site "
    "it is `run.json`, which no digest includes",
)

EXPORTED_TOKENS = Schema(
    "exported_tokens",
    2,
    "export_attention",
    "One row per document, vector and token, sorted by `position`. Facts: `label_names`, `vector_names`",
    pa.schema(
        [
            _IDENTITY[0],
            _IDENTITY[1],
            _column("gold", pa.string(), "Gold class; null if unknown", nullable=True),
            _column("prediction", pa.string(), "Predicted class"),
            _column("token_index", pa.int32(), "Position of the token in the document, 0-based"),
            _column("token", pa.string(), "Vocabulary entry as text"),
            _column("start", pa.int32(), "First character in the document's text, code points"),
            _column(
                "end", pa.int32(), "First character after the token; equals `start` for tokens that cover no character"
            ),
            _column("special", pa.bool_(), "True for special tokens such as [CLS] and [SEP]"),
            _column("vector", pa.string(), "Head, or layer over whose heads the mean is taken"),
            _column("self_attention", pa.float32(), "Self-attention, 0..1"),
        ]
    ),
)
