"""Formats of the classifier: its facts and its scores."""

from attviz_pipeline.artifacts.schema import Schema

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
    2,
    "prepare_model",
    "Scores per split (accuracy, macro F1, per class, confusion); `n_tokens` of text per split, among them `n_unknown` "
    "(read as [UNK]) and `n_control` (control tokens that occur in a text); `history`: per epoch of the training "
    "`train_loss`, and `validation_loss`, `macro_f1` and `accuracy` of the validation split; `best_epoch` (kept, "
    "1-based), `best_epoch_by` (the criterion), `stopped_early`",
)
