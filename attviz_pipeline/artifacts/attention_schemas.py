"""Formats of the extraction: self-attention of documents, window by window."""

import pyarrow as pa

from attviz_pipeline.artifacts import profile_schemas
from attviz_pipeline.artifacts.schema import IDENTITY, PAIR_START, Schema, column, list_of

WINDOW = pa.struct(
    [
        pa.field("first_token", pa.int32(), nullable=False),
        pa.field("n_tokens", pa.int32(), nullable=False),
        pa.field("n_model_tokens", pa.int32(), nullable=False),
        pa.field("probabilities", list_of(pa.float32()), nullable=False),
    ]
)

ATTENTION = Schema(
    "attention",
    3,
    "extract_attention",
    "Self-attention of every layer and head, and what full mode adds (null without it). "
    "Facts: `n_layers`, `n_heads`, `label_names`, `model`, `mode`, `device`, `precision`, and `offsets`: false where "
    "the tokenizer does not tell which characters a token comes from",
    pa.schema(
        [
            *IDENTITY,
            column(
                "text",
                pa.string(),
                "The document's text, unchanged; of a pair both, a line feed between them; without offsets what its "
                "pieces spell; imported, with pieces of words joined (docs/formats.md)",
            ),
            PAIR_START,
            column("prediction", pa.int32(), "Predicted class, index into `label_names`"),
            column(
                "probabilities",
                list_of(pa.float32()),
                "Softmax of the logits, [class], 0..1; of a windowed document the mean over its windows",
            ),
            column(
                "tokens",
                list_of(pa.string()),
                "Vocabulary entries as text, [token], special tokens included: `␣` is a space, `##` stands where a "
                "word goes on, `‹F0 9F›` are bytes that are no text by themselves; imported, as the file spells them",
            ),
            column(
                "entries",
                list_of(pa.string()),
                "Vocabulary entries as the tokenizer spells them, [token]; null where imported or share-safe",
                nullable=True,
            ),
            column("token_ids", list_of(pa.int32()), "Vocabulary indices, [token]"),
            column("starts", list_of(pa.int32()), "First character of each token in `text`, code points, [token]"),
            column(
                "ends", list_of(pa.int32()), "Character behind each token, [token]; equals `starts` for special tokens"
            ),
            column("special", list_of(pa.bool_()), "True for [CLS], [SEP] and the like, [token]"),
            column(
                "unknown",
                list_of(pa.bool_()),
                "True where the vocabulary cannot spell the text, and the model reads [UNK] in its place, [token]",
            ),
            column(
                "punctuation",
                list_of(pa.bool_()),
                "True where all characters of the token, white space aside, are punctuation (Unicode P*), [token]",
            ),
            column(
                "words",
                list_of(pa.int32()),
                "Word that the token is a piece of (Unicode Standard Annex 29), counted in `text` from 0, [token]; -1 "
                "for special tokens and those that cover no text or white space only",
            ),
            column(
                "segments",
                list_of(pa.int8()),
                "0 for tokens of the text, or of the first of a pair, 1 for those of the second, -1 for special ones, "
                "[token]",
            ),
            column(
                "windows",
                list_of(WINDOW),
                "Model inputs that the document was cut into, in order: first token kept and number of tokens kept "
                "(of an overlap, each window keeps the half nearer its middle), tokens the model saw, probabilities",
            ),
            column("truncated", pa.bool_(), "True where the text's end was cut off"),
            column(
                "self_attention",
                list_of(pa.float32()),
                "Diagonal of the softmaxed attention matrix, [layer, head, token] flattened in C order, 0..1, "
                "rounded to `attention.mantissa_bits`",
            ),
            column(
                "received",
                list_of(pa.float32()),
                "Mean attention a token receives from the tokens of its window, special ones included, "
                "[layer, head, token], 0..1; rounded like the next two",
                nullable=True,
            ),
            column(
                "value_norm",
                list_of(pa.float32()),
                "Norm of the value vector after the head's output weights (Kobayashi et al. 2020), "
                "[layer, head, token]; times attention it is norm-weighted attention; null where the architecture "
                "does not show its value vectors",
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
                "Means over the document's tokens but special ones, each [layer, head] flattened: "
                + "; ".join(f"`{name}` {description}" for name, description in profile_schemas.MEASURES.items())
                + "; null too for a document of special tokens only",
                nullable=True,
            ),
        ]
    ),
)
