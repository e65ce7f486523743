"""Formats of the classifier: its facts and its scores."""

from attviz_pipeline.artifacts.schema import PREDICTING_TASK, Schema

MODEL = Schema(
    "model",
    2,
    "prepare_model",
    f"Facts of the classifier: {PREDICTING_TASK}, source, revision, digests, versions; `n_layers` and `n_heads` that "
    "return attention; `padding`: `token_id`, and its origin (`of`: `model`, `tokenizer` or `added`); `offsets`, "
    "false if its tokenizer gives no character offsets; `mode`: fine_tune, load, or pretrained for a compared model "
    "whose classifier is untrained, and which has no scores",
)

METRICS = Schema(
    "metrics",
    3,
    "prepare_model",
    f"{PREDICTING_TASK}; scores of the labelled texts per split: accuracy, macro F1, per class, confusion "
    "(single_label); micro and macro F1, exact match, Hamming loss, per label (multi_label); MSE, MAE, R2, "
    "Spearman's rank correlation (regression); `n_tokens` of text per split, among them `n_unknown` (read as [UNK]) "
    "and `n_control` (control tokens that occur in a text); `history`: per epoch of the training `train_loss`, and "
    "`validation_loss` and the task's scores on the validation split; `best_epoch` (kept, 1-based), `best_epoch_by` "
    "(the criterion), `stopped_early`",
)
