"""Counts and scores of the analysed documents, for the site's first page."""

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from attviz_pipeline.tasks import Task


def summarise(documents: pa.Table, task: Task[Any]) -> dict[str, Any]:
    """Count and score the analysed documents.

    Args:
        documents: As returned by `index_documents`, at least one.
        task: The task of the study.

    Returns:
        Content of the artifact `summary` that can be computed from the documents.
    """
    n_tokens = documents["n_tokens"].to_numpy().astype(np.int64)
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
        "mean_confidence": _mean_confidence(documents),
        **_scores(documents.filter(pc.is_valid(documents["label"])), len(task.label_names)),
    }


def macro_f1(confusion: NDArray[np.int64]) -> float:
    """Mean F1 over all classes, 0..1; the F1 of a class that neither occurs nor is predicted is 0.

    Args:
        confusion: Number of documents, [gold, predicted].
    """
    support = confusion.sum(axis=0) + confusion.sum(axis=1)
    scores = 2 * np.diagonal(confusion) / np.maximum(support, 1)
    return math.fsum(scores.tolist()) / len(scores)


def _scores(labelled: pa.Table, n_classes: int) -> dict[str, Any]:
    if not labelled.num_rows:
        return {"n_labelled": 0, "accuracy": None, "macro_f1": None, "confusion": None}
    confusion = _confusion(labelled, n_classes)
    return {
        "n_labelled": labelled.num_rows,
        "accuracy": float(np.trace(confusion) / labelled.num_rows),
        "macro_f1": macro_f1(confusion),
        "confusion": confusion.tolist(),
    }


def _confusion(documents: pa.Table, n_classes: int) -> NDArray[np.int64]:
    confusion = np.zeros((n_classes, n_classes), np.int64)
    np.add.at(confusion, (documents["label"].to_numpy(), documents["prediction"].to_numpy()), 1)
    return confusion


def _mean_confidence(documents: pa.Table) -> float:
    confidences = [max(probabilities) for probabilities in documents["probabilities"].to_pylist()]
    return math.fsum(confidences) / len(confidences)
