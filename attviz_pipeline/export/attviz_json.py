"""Export to the JSON format of AttViz's viewer (github.com/SkBlaz/attviz)."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attviz_pipeline.artifacts.vector_names import EVIDENCE_NAMES, attviz_name
from attviz_pipeline.export.documents import ExportedDocument
from attviz_pipeline.export.json_list import json_list
from attviz_pipeline.tasks.task import Task

logger = logging.getLogger(__name__)


@contextmanager
def write_attviz_json(
    folder: Path, task: Task[Any], vector_names: list[str]
) -> Iterator[Callable[[ExportedDocument], None]]:
    """Write `attviz.json`, one object per document, with numbers as strings as in AttViz's own files.

    The viewer searches every token in the text after the previous token. Therefore `text` is the tokens joined by
    spaces, as in the published files, and not the document's text. What the prediction depends on is no attention, so
    it is in a set of its own, which only documents have where it was measured.

    `output_activations` are the probabilities of the classes or labels; in regression the predicted value, under the
    name `value`. The viewer calls them classes, and takes the largest for the prediction.
    """
    n_with_markup = 0
    with json_list(folder / "attviz.json") as write:

        def add(document: ExportedDocument) -> None:
            nonlocal n_with_markup
            n_with_markup += any("<" in token for token in document.tokens)
            write(_content(document, task, vector_names))

        yield add
    if n_with_markup:
        logger.warning(
            "%d texts contain markup, which AttViz's viewer runs: open attviz.json there only if you trust the texts",
            n_with_markup,
        )


def _content(document: ExportedDocument, task: Task[Any], vector_names: list[str]) -> dict[str, Any]:
    vectors = [_vector(attviz_name(name), values) for name, values in zip(vector_names, document.vectors, strict=True)]
    sets: list[dict[str, Any]] = [{"attention_vectors": vectors, "tokens": document.tokens}]
    if document.evidence:
        measured = [_vector(EVIDENCE_NAMES[name], values) for name, values in document.evidence.items()]
        sets.append({"name": "evidence", "attention_vectors": measured, "tokens": document.tokens})
    return {
        "text": " ".join(document.tokens),
        "sets": sets,
        "output_activations": [
            {"value": str(float(value)), "name": name}
            for name, value in zip(
                task.output_names, task.outputs(document.predicted, document.probabilities), strict=True
            )
        ],
    }


def _vector(name: int | str, values: Iterable[float]) -> dict[str, Any]:
    return {"name": name, "vectors": [str(float(value)) for value in values]}
