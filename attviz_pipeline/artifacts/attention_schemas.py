"""Formats of the extraction: self-attention of documents, window by window."""

import pyarrow as pa

from attviz_pipeline.artifacts import profile_schemas
from attviz_pipeline.artifacts.schema import (
    GOLD,
    IDENTITY,
    PAIR_START,
    PREDICTED,
    PREDICTING_TASK,
    PROBABILITIES,
    Schema,
    column,
    list_of,
)

WINDOW = pa.struct(
    [
        pa.field("first_token", pa.int32(), nullable=False),
        pa.field("n_tokens", pa.int32(), nullable=False),
        pa.field("n_model_tokens", pa.int32(), nullable=False),
        pa.field("probabilities", list_of(pa.float32()), nullable=False),
        pa.field("predicted_value", pa.float64(), nullable=True),
    ]
)

ATTENTION = Schema(
    "attention",
    4,
    "extract_attention",
    "Self-attention of every layer and head, and what full mode adds (null without it). "
    f"Facts: `n_layers`, `n_heads`, {PREDICTING_TASK}, `model`, `mode`, `device`, `precision`, `offsets`: false if "
    "the tokenizer gives no character offsets, and `delimiters`: `cls` and `sep`, the tokenizer's [CLS] and [SEP], "
    "null where it has none; not in imported attention",
    pa.schema(
        [
            *IDENTITY,
            *GOLD,
            column(
                "text",
                pa.string(),
                "The document's text, unchanged; for a pair, both texts with a line feed between; without offsets, the "
                "concatenated pieces; imported texts with word pieces joined (docs/formats.md)",
            ),
            PAIR_START,
            *PREDICTED,
            PROBABILITIES,
            column(
                "tokens",
                list_of(pa.string()),
                "Vocabulary entries as text, [token], including special tokens: `␣` is a space, `##` marks where a "
                "word continues, `‹F0 9F›` are bytes that are not text by themselves; imported, as in the file",
            ),
            column(
                "entries",
                list_of(pa.string()),
                "Vocabulary entries as the tokenizer spells them, [token]; null if imported or share-safe",
                nullable=True,
            ),
            column("token_ids", list_of(pa.int32()), "Vocabulary indices, [token]"),
            column("starts", list_of(pa.int32()), "First character of each token in `text`, code points, [token]"),
            column(
                "ends",
                list_of(pa.int32()),
                "First character after each token, [token]; equals `starts` for special tokens",
            ),
            column("special", list_of(pa.bool_()), "True for special tokens such as [CLS] and [SEP], [token]"),
            column(
                "unknown",
                list_of(pa.bool_()),
                "True if the vocabulary cannot spell the text, so that the model reads [UNK], [token]",
            ),
            column(
                "punctuation",
                list_of(pa.bool_()),
                "True if all characters of the token, except white space, are punctuation (Unicode P*), [token]",
            ),
            column(
                "words",
                list_of(pa.int32()),
                "Word that the token is a piece of (Unicode Standard Annex 29), counted in `text` from 0, [token]; -1 "
                "for special tokens and tokens that cover no text or only white space",
            ),
            column(
                "segments",
                list_of(pa.int8()),
                "0 for tokens of the text or of the first text of a pair, 1 for those of the second, -1 for special "
                "tokens, [token]",
            ),
            column(
                "windows",
                list_of(WINDOW),
                "Model inputs of the document, in order: first token kept and number of tokens kept "
                "(of an overlap, each window keeps the half nearer its middle), tokens of the input, probabilities, "
                "predicted value (regression)",
            ),
            column("truncated", pa.bool_(), "True if the end of the text was truncated"),
            column(
                "self_attention",
                list_of(pa.float32()),
                "Diagonal of the softmaxed attention matrix, [layer, head, token] flattened in C order, 0..1, "
                "rounded to `attention.mantissa_bits`",
            ),
            column(
                "received",
                list_of(pa.float32()),
                "Mean attention a token receives from the tokens of its window, including special ones, "
                "[layer, head, token], 0..1; rounded like the next two",
                nullable=True,
            ),
            column(
                "value_norm",
                list_of(pa.float32()),
                "Norm of the value vector after the head's output weights (Kobayashi et al. 2020), "
                "[layer, head, token]; multiplied by attention it is norm-weighted attention; null if the architecture "
                "does not expose its value vectors",
                nullable=True,
            ),
            column(
                "rollout",
                list_of(pa.float32()),
                "Attention rollout over all layers, half residual (Abnar & Zuidema 2020), from the token that the "
                "classification head reads to each token of its window, [token], 0..1",
                nullable=True,
            ),
            column(
                "profile",
                pa.struct([pa.field(name, list_of(pa.float32()), nullable=False) for name in profile_schemas.MEASURES]),
                "Means over the document's non-special tokens, each [layer, head] flattened: "
                + "; ".join(f"`{name}` {description}" for name, description in profile_schemas.MEASURES.items())
                + "; also null for a document that contains only special tokens",
                nullable=True,
            ),
        ]
    ),
)
