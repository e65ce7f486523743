"""Export to the two files of neat-vision (github.com/cbaziotis/neat-vision): samples, and names of the classes."""

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.artifacts.files import write_text
from attviz_pipeline.export.documents import ExportedDocument
from attviz_pipeline.export.json_list import dump, json_list

LEAST_PROBABILITY = 1e-30
UNKNOWN = -1
logger = logging.getLogger(__name__)


@contextmanager
def write_neat_vision(
    folder: Path, label_names: list[str], vector_names: list[str]
) -> Iterator[Callable[[ExportedDocument], None]]:
    """Write `neat_vision_samples.json` and `neat_vision_labels.json`, and a file of samples per measure of evidence.

    The tool shows one weight per token and colours it by its distance from 1/n, so it needs weights that sum to 1: the
    mean over the vectors, divided by its sum. It applies a softmax to `posterior`, which therefore contains logarithms.
    Its panel of predictions fails for a gold label without a name, so an unknown label becomes a class `unknown`.
    `neat_vision_gradient_x_input.json` and `neat_vision_leave_one_out.json` have only the documents where these were
    measured. Their weights are sizes, divided by their sum; `values`, which the tool ignores, are the measured numbers.
    """
    del vector_names  # one weight per token: their mean
    names = {str(index): {"name": name, "desc": name} for index, name in enumerate(label_names)}
    n_unknown = 0
    with ExitStack() as stack:
        write = stack.enter_context(json_list(folder / "neat_vision_samples.json"))
        writers: dict[str, Callable[[object], None]] = {}

        def add(document: ExportedDocument) -> None:
            nonlocal n_unknown
            n_unknown += document.label is None
            write(_sample(document, document.mean))
            for name, values in document.evidence.items():
                if name not in writers:
                    writers[name] = stack.enter_context(json_list(folder / f"neat_vision_{name}.json"))
                sizes = np.abs(values.astype(np.float64))
                writers[name](_sample(document, sizes) | {"values": [float(value) for value in values]})

        yield add
    if n_unknown:
        names[str(UNKNOWN)] = {"name": "unknown", "desc": "unknown"}
        logger.warning(
            "%d documents have no gold label: neat-vision shows it as unknown, and counts them as misclassified",
            n_unknown,
        )
    write_text(folder / "neat_vision_labels.json", dump(names) + "\n")


def _sample(document: ExportedDocument, weights: NDArray[np.float64]) -> dict[str, Any]:
    total = float(weights.sum())
    return {
        "text": document.tokens,
        "attention": [float(value) / total if total else 0.0 for value in weights],
        "label": UNKNOWN if document.label is None else document.label,
        "prediction": document.prediction,
        "posterior": [math.log(max(float(value), LEAST_PROBABILITY)) for value in document.probabilities],
        "id": document.id,
    }
