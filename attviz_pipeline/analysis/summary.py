"""Counts and scores of the analysed documents, for the site's first page."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from attviz_pipeline import stats
from attviz_pipeline.analysis.lists import members
from attviz_pipeline.tasks.task import Task

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


def summarise(documents: pa.Table, task: Task[Any]) -> dict[str, Any]:
    """Count and score the analysed documents.

    Args:
        documents: As returned by `index_documents`, at least one.
        task: The task of the study.

    Returns:
        Content of the artifact `summary` that can be computed from the documents.
    """
    n_tokens = documents["n_tokens"].to_numpy().astype(np.int64)
    labelled = documents.filter(pc.is_valid(documents[task.gold_column]))
    return {
        "n_documents": documents.num_rows,
        "n_sources": pc.count_distinct(documents["source_id"]).as_py(),
        "n_windowed_documents": int((documents["n_windows"].to_numpy() > 1).sum()),
        "n_truncated_documents": int(documents["truncated"].to_numpy().sum()),
        "n_tokens": int(n_tokens.sum()),
        "n_tokens_without_special": int(n_tokens.sum() - documents["n_special"].to_numpy().sum()),
        "n_unknown_tokens": int(documents["n_unknown"].to_numpy().sum()),
        "n_documents_with_unknown": int((documents["n_unknown"].to_numpy() > 0).sum()),
        "tokens_per_document": {
            "min": int(n_tokens.min()),
            "mean": float(n_tokens.sum() / documents.num_rows),
            "max": int(n_tokens.max()),
        },
        **task.facts,
        "mean_confidence": _mean_confidence(documents, task),
        "n_labelled": labelled.num_rows,
        **_SCORES[task.name](labelled.combine_chunks(), len(task.label_names)),
    }


def macro_f1(confusion: NDArray[np.int64]) -> float:
    """Mean F1 over all classes, 0..1; the F1 of a class that neither occurs nor is predicted is 0.

    Args:
        confusion: Number of documents, [gold, predicted].
    """
    support = confusion.sum(axis=0) + confusion.sum(axis=1)
    scores = 2 * np.diagonal(confusion) / np.maximum(support, 1)
    return math.fsum(scores.tolist()) / len(scores)


class LabelCounts(NamedTuple):
    """Documents of each label, each [label].

    Attributes:
        hits: Those that have the label and are predicted to have it.
        gold: Those that have it.
        predicted: Those that are predicted to have it.
    """

    hits: Floats
    gold: Floats
    predicted: Floats

    @classmethod
    def of(cls, gold: Mask, predicted: Mask, weight: Floats | None = None) -> "LabelCounts":
        """Count, with each document repeated `weight` times; label sets are [document, label]."""
        w = np.ones(len(gold)) if weight is None else weight
        return cls(w @ (gold & predicted), w @ gold, w @ predicted)

    def f1(self) -> Floats:
        """F1 of each label, 0..1; 0 for a label that neither occurs nor is predicted, [label]."""
        f1: Floats = 2 * self.hits / np.maximum(self.gold + self.predicted, 1)
        return f1

    def micro_f1(self) -> float:
        """F1 over the labels of all documents together, 0..1."""
        return float(2 * self.hits.sum() / max(self.gold.sum() + self.predicted.sum(), 1))


def outcomes(gold: Mask, predicted: Mask) -> NDArray[np.str_]:
    """Return right if the label sets are equal, partly_right if they share a label, else wrong, [document]."""
    shared = (gold & predicted).any(axis=1)
    return np.where((gold == predicted).all(axis=1), "right", np.where(shared, "partly_right", "wrong"))


def _of_classes(labelled: pa.Table, n_classes: int) -> dict[str, Any]:
    if not labelled.num_rows:
        return {"accuracy": None, "macro_f1": None, "confusion": None}
    confusion = np.zeros((n_classes, n_classes), np.int64)
    np.add.at(confusion, (labelled["label"].to_numpy(), labelled["prediction"].to_numpy()), 1)
    return {
        "accuracy": float(np.trace(confusion) / labelled.num_rows),
        "macro_f1": macro_f1(confusion),
        "confusion": confusion.tolist(),
    }


def _of_labels(labelled: pa.Table, n_labels: int) -> dict[str, Any]:
    if not labelled.num_rows:
        return dict.fromkeys(("exact_match", "hamming_loss", "micro_f1", "macro_f1", "outcomes"))
    gold, predicted = (members(labelled[name], n_labels) for name in ("labels", "predictions"))
    counts, found = LabelCounts.of(gold, predicted), outcomes(gold, predicted).tolist()
    return {
        "exact_match": found.count("right") / len(found),
        "hamming_loss": float((gold != predicted).mean()),
        "micro_f1": counts.micro_f1(),
        "macro_f1": float(np.mean(counts.f1())),
        "outcomes": {name: found.count(name) for name in ("right", "partly_right", "wrong")},
    }


def _of_values(labelled: pa.Table, n_labels: int) -> dict[str, Any]:  # noqa: ARG001 - a value has no labels
    if not labelled.num_rows:
        return dict.fromkeys(("mse", "mae", "r2", "spearman"))
    gold, predicted = (labelled[name].to_numpy() for name in ("value", "predicted_value"))
    mse, variance = float(((predicted - gold) ** 2).mean()), float(gold.var())
    varies = variance > 0 and float(predicted.var()) > 0
    return {
        "mse": mse,
        "mae": float(np.abs(predicted - gold).mean()),
        "r2": 1 - mse / variance if variance > 0 else None,
        "spearman": float(stats.spearman(gold, predicted)) if varies else None,
    }


_SCORES: Mapping[str, Callable[[pa.Table, int], dict[str, Any]]] = {
    "single_label": _of_classes,
    "multi_label": _of_labels,
    "regression": _of_values,
}


def _mean_confidence(documents: pa.Table, task: Task[Any]) -> float | None:
    """Return the mean confidence; None if predictions have none."""
    columns = documents.select([task.predicted_column, "probabilities"]).to_pylist()
    confidences = [task.confidence(task.predicted(row), row["probabilities"]) for row in columns]
    known = [confidence for confidence in confidences if confidence is not None]
    return math.fsum(known) / len(known) if known else None
