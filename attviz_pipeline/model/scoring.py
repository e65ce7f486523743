"""Predictions of the classifier, and their scores."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import spearmanr
from sklearn.metrics import confusion_matrix, f1_score, precision_recall_fscore_support

from attviz_pipeline.attention.outputs import activated_outputs
from attviz_pipeline.config.settings import TaskName
from attviz_pipeline.model.encoding import Collator, Encoded
from attviz_pipeline.model.load import Classifier
from attviz_pipeline.progress import Progress
from attviz_pipeline.tasks.multi_label import MultiLabel
from attviz_pipeline.tasks.regression import Regression
from attviz_pipeline.tasks.single_label import SingleLabel
from attviz_pipeline.tasks.task import Task

TEXTS_PER_BATCH = 32
Scores = dict[str, Any]


def predict(classifier: Classifier, encoded: Encoded, split: str) -> list[Any]:
    """Return the prediction for every text, as the task of the classifier has it, in the order of the texts.

    Batches contain texts of similar length, for little padding, and the longest come first, so that a lack of memory
    shows at once.
    """
    model: Any = classifier.model
    model.eval()
    collator = Collator.of(classifier.model, classifier.tokenizer)
    order = sorted(range(len(encoded)), key=lambda index: -len(encoded.token_ids[index]))
    predicted: list[Any] = [None] * len(order)
    with (
        torch.inference_mode(),
        Progress(total=len(order), label=f"prepare_model: scoring {split}", unit="texts") as bar,
    ):
        for start in range(0, len(order), TEXTS_PER_BATCH):
            indices = order[start : start + TEXTS_PER_BATCH]
            batch = collator([encoded[index] for index in indices])
            batch.pop("labels", None)
            logits = model(**{name: tensor.to(model.device) for name, tensor in batch.items()}).logits
            found = predictions_of(logits.cpu(), classifier.task, classifier.output_to_label)
            for index, value in zip(indices, found, strict=True):
                predicted[index] = value
            bar.advance(len(indices))
    return predicted


def predictions_of(logits: torch.Tensor, task: Task[Any], output_to_label: Sequence[int]) -> list[Any]:
    """Return the predictions for the logits of some texts, [text, output]."""
    outputs = activated_outputs(logits, task.activation, output_to_label).tolist()
    return [task.predicted(task.predict(values)) for values in outputs]


def score(task: Task[Any], gold: Sequence[Any], predicted: Sequence[Any]) -> Scores:
    """Compare predictions with gold values, at least one.

    Returns:
        `n` and the scores of the task; 0 where precision, recall or F1 is undefined.

        - single_label: `accuracy`, `macro_f1`, `per_class` (precision, recall, F1, support) and `confusion` as counts,
          [gold, predicted].
        - multi_label: `macro_f1`, `micro_f1`, `exact_match` (share of texts whose sets are equal), `hamming_loss`
          (share of wrong decisions) and `per_label`, as `per_class`.
        - regression: `mse`, `mae`, `r2` and `spearman`; the last two are None if the gold values are all equal, the
          last one also if the predictions are.
    """
    return {"n": len(gold), **SCORES[task.name](task, gold, predicted)}


def macro_f1(gold: npt.ArrayLike, predicted: npt.ArrayLike, n_classes: int) -> float:
    """Mean F1 over all classes, 0..1; the F1 of a class that neither occurs nor is predicted is 0."""
    return float(f1_score(gold, predicted, labels=range(n_classes), average="macro", zero_division=0))


def _score_classes(task: SingleLabel, gold: Sequence[int], predicted: Sequence[int]) -> Scores:
    classes = range(len(task.label_names))
    columns = precision_recall_fscore_support(gold, predicted, labels=classes, zero_division=0)
    return {
        "accuracy": float(np.mean(np.equal(gold, predicted))),
        "macro_f1": macro_f1(gold, predicted, len(classes)),
        "per_class": _per_label(task, columns),
        "confusion": confusion_matrix(gold, predicted, labels=classes).tolist(),
    }


def _score_sets(task: MultiLabel, gold: Sequence[tuple[int, ...]], predicted: Sequence[tuple[int, ...]]) -> Scores:
    true, guessed = (np.array([task.target(labels) for labels in sets]).astype(int) for sets in (gold, predicted))
    columns = precision_recall_fscore_support(true, guessed, zero_division=0)
    return {
        "macro_f1": float(f1_score(true, guessed, average="macro", zero_division=0)),
        "micro_f1": float(f1_score(true, guessed, average="micro", zero_division=0)),
        "exact_match": float((true == guessed).all(axis=1).mean()),
        "hamming_loss": float((true != guessed).mean()),
        "per_label": _per_label(task, columns),
    }


def _per_label(task: Task[Any], columns: Sequence[Sequence[float]]) -> list[Scores]:
    return [
        {"label": name, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
        for name, p, r, f, n in zip(task.label_names, *columns, strict=True)
    ]


def _score_values(task: Regression, gold: Sequence[float], predicted: Sequence[float]) -> Scores:  # noqa: ARG001
    true, guessed = np.array(gold), np.array(predicted)
    mse, variance = float(np.mean((guessed - true) ** 2)), float(np.var(true))
    ranked = variance > 0 and float(np.var(guessed)) > 0
    return {
        "mse": mse,
        "mae": float(np.mean(np.abs(guessed - true))),
        "r2": 1 - mse / variance if variance > 0 else None,
        "spearman": float(spearmanr(true, guessed).statistic) if ranked else None,
    }


SCORES: Mapping[TaskName, Callable[..., Scores]] = {
    "single_label": _score_classes,
    "multi_label": _score_sets,
    "regression": _score_values,
}
