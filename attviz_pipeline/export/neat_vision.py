"""Export to the two files of neat-vision (github.com/cbaziotis/neat-vision): samples, and names of labels."""

import logging
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.artifacts.files import write_text
from attviz_pipeline.export.documents import ExportedDocument
from attviz_pipeline.export.json_list import dump, json_list
from attviz_pipeline.formats import plural
from attviz_pipeline.tasks.task import Task

LEAST_PROBABILITY = 1e-30
LEAST_ODDS = 1e-12
UNKNOWN = -1
logger = logging.getLogger(__name__)


class _Classes:
    """What samples say of gold class and prediction; the tool applies a softmax to `posterior`: logarithms."""

    unlabelled: ClassVar[str] = "neat-vision shows it as unknown, and counts them as misclassified"

    def __init__(self, task: Task[Any]) -> None:
        self.task = task

    def sample(self, document: ExportedDocument) -> dict[str, Any] | None:
        """Return `label`, `prediction` and `posterior`; None for a document that has no place in the tool."""
        return {
            "label": UNKNOWN if document.gold is None else document.gold,
            "prediction": document.predicted,
            "posterior": [math.log(max(float(p), LEAST_PROBABILITY)) for p in document.probabilities],
        }

    def names(self) -> dict[str, dict[str, str]]:
        """Return the names of the classes or labels, by their numbers."""
        return {str(index): _named(name) for index, name in enumerate(self.task.label_names)}


class _Labels(_Classes):
    """Gold labels and predictions are vectors of 0 and 1; the tool applies a sigmoid to `posterior`: log odds."""

    unlabelled = "neat-vision shows -1 for each of their labels, and counts them as misclassified"

    def sample(self, document: ExportedDocument) -> dict[str, Any]:
        """Return vectors, [label]."""
        labels = range(len(self.task.label_names))
        known = document.gold
        gold = [UNKNOWN if known is None else int(label in known) for label in labels]
        return {
            "label": gold,
            "prediction": [int(label in document.predicted) for label in labels],
            "posterior": [_log_odds(float(p)) for p in document.probabilities],
        }


class _Values(_Classes):
    """Gold and predicted values are numbers, which the tool compares: a document without a gold value has no place."""

    unlabelled = "neat-vision compares values, so the documents are left out"

    def sample(self, document: ExportedDocument) -> dict[str, Any] | None:
        """Return numbers, or None without a gold value."""
        return None if document.gold is None else {"label": document.gold, "prediction": document.predicted}


SAMPLES: Mapping[str, type[_Classes]] = {"single_label": _Classes, "multi_label": _Labels, "regression": _Values}


@contextmanager
def write_neat_vision(
    folder: Path, task: Task[Any], vector_names: list[str]
) -> Iterator[Callable[[ExportedDocument], None]]:
    """Write `neat_vision_samples.json` and, where there are classes or labels, `neat_vision_labels.json`.

    The tool shows one weight per token and colours it by its distance from 1/n, so it needs weights that sum to 1: the
    mean over the vectors, divided by its sum. Its panel of predictions fails for a gold label without a name, so an
    unknown class becomes a class `unknown`. `neat_vision_gradient_x_input.json` and `neat_vision_leave_one_out.json`
    have only the documents where these were measured. Their weights are sizes, divided by their sum; `values`, which
    the tool ignores, are the measured numbers.
    """
    del vector_names  # one weight per token: their mean
    of_task = SAMPLES[task.name](task)
    n_unknown = 0
    with ExitStack() as stack:
        write = stack.enter_context(json_list(folder / "neat_vision_samples.json"))
        writers: dict[str, Callable[[object], None]] = {}

        def add(document: ExportedDocument) -> None:
            nonlocal n_unknown
            n_unknown += document.gold is None
            sample = of_task.sample(document)
            if sample is None:
                return
            write(_text(document, document.mean) | sample | {"id": document.id})
            for name, values in document.evidence.items():
                if name not in writers:
                    writers[name] = stack.enter_context(json_list(folder / f"neat_vision_{name}.json"))
                shown = _text(document, np.abs(values.astype(np.float64)))
                writers[name](shown | sample | {"id": document.id, "values": [float(value) for value in values]})

        yield add
    if n_unknown:
        which = f"{plural(n_unknown, 'document')} {'has' if n_unknown == 1 else 'have'}"
        logger.warning("%s no gold %s: %s", which, "label" if task.has_labels else "value", of_task.unlabelled)
    if names := of_task.names():
        unknown = {str(UNKNOWN): _named("unknown")} if n_unknown and not task.many_labels else {}
        write_text(folder / "neat_vision_labels.json", dump(names | unknown) + "\n")


def _text(document: ExportedDocument, weights: NDArray[np.float64]) -> dict[str, Any]:
    total = float(weights.sum())
    return {"text": document.tokens, "attention": [float(value) / total if total else 0.0 for value in weights]}


def _named(name: str) -> dict[str, str]:
    return {"name": name, "desc": name}


def _log_odds(probability: float) -> float:
    within = min(max(probability, LEAST_ODDS), 1 - LEAST_ODDS)
    return math.log(within / (1 - within))
