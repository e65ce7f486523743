"""Formats of the classifier: its facts and its scores."""

from attviz_pipeline.artifacts.schema import Schema

MODEL = Schema(
    "model",
    1,
    "prepare_model",
    "Facts of the classifier: source, revision, digests, classes, versions; `n_layers` and `n_heads` that return "
    "attention; `padding`: `token_id`, and whose it is (`of`: `model`, `tokenizer` or `added`); `offsets`, false where "
    "its tokenizer does not tell which characters a token comes from",
)

METRICS = Schema(
    "metrics",
    1,
    "prepare_model",
    "Scores per split (accuracy, macro F1, per class, confusion), its "
    "`n_tokens` of text, of these `n_unknown` (read as "
    "[UNK]) and `n_control` (control tokens that a text spells), and training history",
)
