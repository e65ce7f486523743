"""Predictions of the classifier, and their scores."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import confusion_matrix, f1_score, precision_recall_fscore_support

from attviz_pipeline.model.encoding import Collator, Encoded
from attviz_pipeline.model.load import Classifier
from attviz_pipeline.progress import Progress

TEXTS_PER_BATCH = 32


def predict(classifier: Classifier, encoded: Encoded, split: str) -> list[int]:
    """Return the predicted label of every text, in the order of the texts.

    Batches contain texts of similar length, for little padding, and the longest come first, so that a lack of memory
    shows at once.
    """
    model: Any = classifier.model
    model.eval()
    collator = Collator.of(classifier.model, classifier.tokenizer)
    order = sorted(range(len(encoded)), key=lambda index: -len(encoded.token_ids[index]))
    predicted = [0] * len(order)
    with (
        torch.inference_mode(),
        Progress(total=len(order), label=f"prepare_model: scoring {split}", unit="texts") as bar,
    ):
        for start in range(0, len(order), TEXTS_PER_BATCH):
            indices = order[start : start + TEXTS_PER_BATCH]
            batch = collator([encoded[index] for index in indices])
            del batch["labels"]
            logits = model(**{name: tensor.to(model.device) for name, tensor in batch.items()}).logits
            for index, output in zip(indices, logits.argmax(dim=-1).tolist(), strict=True):
                predicted[index] = classifier.output_to_label[output]
            bar.advance(len(indices))
    return predicted


def score(gold: Sequence[int], predicted: Sequence[int], label_names: Sequence[str]) -> dict[str, Any]:
    """Compare predictions with gold labels.

    Returns:
        `n`, `accuracy`, `macro_f1`, `per_class` (precision, recall, F1, support; 0 where undefined)
        and `confusion` as counts, [gold, predicted].
    """
    classes = range(len(label_names))
    columns = precision_recall_fscore_support(gold, predicted, labels=classes, zero_division=0)
    per_class = [
        {"label": name, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
        for name, p, r, f, n in zip(label_names, *columns, strict=True)
    ]
    return {
        "n": len(gold),
        "accuracy": float(np.mean(np.equal(gold, predicted))),
        "macro_f1": macro_f1(gold, predicted, len(label_names)),
        "per_class": per_class,
        "confusion": confusion_matrix(gold, predicted, labels=classes).tolist(),
    }


def macro_f1(gold: npt.ArrayLike, predicted: npt.ArrayLike, n_classes: int) -> float:
    """Mean F1 over all classes, 0..1; the F1 of a class that neither occurs nor is predicted is 0."""
    return float(f1_score(gold, predicted, labels=range(n_classes), average="macro", zero_division=0))
