"""Finished small studies of every task: invented attention, gold values and predictions, statistics of the real stages.

`write_task_study` writes all that a site needs. Some things are there to be found: one head attends more to documents
of one label or of high values, and one label or the value goes with words.
"""
# ruff: noqa: ANN401 - keywords are handed on to functions that type them

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from synthetic_attention import write_attention_shards
from synthetic_site import MAPPED, write_site_inputs

from attviz_pipeline.artifacts import attention_schemas, files
from attviz_pipeline.config.settings import TaskName
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.tasks.multi_label import MultiLabel
from attviz_pipeline.tasks.regression import Regression
from attviz_pipeline.tasks.single_label import SingleLabel
from attviz_pipeline.tasks.task import Task

LABEL_NAMES = ("economy", "people", "technology", "opinion")
THRESHOLDS = (0.5, 0.5, 0.4, 0.5)
TASKS: dict[TaskName, Task[Any]] = {
    "single_label": SingleLabel(("business", "sport", "tech")),
    "multi_label": MultiLabel(LABEL_NAMES, THRESHOLDS),
    "regression": Regression(),
}
WORDS_OF_ECONOMY = {"bank", "company", "market", "growth", "sales"}
HEAD_OF_PEOPLE, HEAD_OF_VALUE = 4, 1
"""Heads, layer by layer, whose self-attention depends on the label `people`, and on the value."""


def write_task_study(  # noqa: PLR0913 - keywords, each with a default
    folder: Path,
    task: TaskName,
    *,
    n_documents: int = 90,
    n_shards: int = 2,
    labelled: float = 1.0,
    evidence: bool = False,
    **options: Any,
) -> SiteInputs:
    """Write every artifact that the site of a study needs.

    Args:
        folder: Where they go.
        task: The task.
        n_documents: Number of documents.
        n_shards: Number of shards.
        labelled: Share of the documents with a gold value: 1 all, 0 none.
        evidence: Whether there is evidence.
        options: Passed to `write_site_inputs`, for example `full=False`.
    """
    if not labelled:
        options.setdefault("map_reasons", dict.fromkeys(MAPPED, "low_confidence" if task != "regression" else "sample"))
    return write_site_inputs(
        folder,
        n_documents=n_documents,
        n_shards=n_shards,
        evidence=evidence,
        change=lambda path: give_task(path, TASKS[task], labelled),
        n_permutations="auto",
        **options,
    )


def write_task_shards(folder: Path, task: TaskName, *, labelled: float = 1.0, **options: Any) -> list[Path]:
    """Write the shards of attention alone; options are those of `write_attention_shards`."""
    paths = write_attention_shards(folder, **options)
    for path in paths:
        give_task(path, TASKS[task], labelled)
    return paths


def give_task(path: Path, task: Task[Any], labelled: float = 1.0) -> None:
    """Give the documents of a shard gold values and predictions of a task, in place of their classes."""
    facts = files.read_facts(path, attention_schemas.ATTENTION)
    rows = files.read_table(path, attention_schemas.ATTENTION).to_pylist()
    for row in rows:
        random = np.random.default_rng([5, row["position"]])
        gold, outputs = _INVENTED[task.name](row, random, facts["n_layers"] * facts["n_heads"])
        predicted = task.predict(outputs)
        value = predicted.get("predicted_value")
        of_window = {"probabilities": predicted["probabilities"], "predicted_value": value}
        row["windows"] = [window | of_window for window in row["windows"]]
        row.update({"label": None, "prediction": None}, **predicted)
        row[task.gold_column] = gold if random.random() < labelled else None
    columns = {name: [row[name] for row in rows] for name in attention_schemas.ATTENTION.arrow.names}
    kept = {name: value for name, value in facts.items() if name != "label_names"}
    files.write_table(path, attention_schemas.ATTENTION, columns, kept | task.facts)


def _class(row: dict[str, Any], random: np.random.Generator, n_heads: int) -> tuple[int, list[float]]:  # noqa: ARG001
    return row["label"], row["probabilities"]


def _labels(row: dict[str, Any], random: np.random.Generator, n_heads: int) -> tuple[list[int], list[float]]:
    """Economy depends on words, people on a head; technology often comes with people, opinion is rare."""
    economy = len(WORDS_OF_ECONOMY & set(row["text"].split())) > 0
    people = random.random() < 0.45
    technology = random.random() < (0.6 if people else 0.15)
    members = np.array([economy, people, technology, random.random() < 0.12])
    if people:
        _attend_more(row, HEAD_OF_PEOPLE, 0.7, n_heads)
    certainty = random.normal(1.6, 1.3, len(members))
    logits = np.where(members, certainty, -certainty)
    return np.flatnonzero(members).tolist(), (1 / (1 + np.exp(-logits))).astype(np.float32).tolist()


def _value(row: dict[str, Any], random: np.random.Generator, n_heads: int) -> tuple[float, list[float]]:
    """Return a rating from 0 to 10 that depends on words and goes with a head, and a prediction of it."""
    n_words = len(WORDS_OF_ECONOMY & set(row["text"].split()))
    value = float(np.clip(round(4 + 1.2 * n_words + random.normal(0, 1.8), 1), 0, 10))
    _attend_more(row, HEAD_OF_VALUE, 0.15 * (value - 5), n_heads)
    return value, [float(0.7 * value + 1.8 + random.normal(0, 1.1))]


_INVENTED = {"single_label": _class, "multi_label": _labels, "regression": _value}


def _attend_more(row: dict[str, Any], head: int, logarithm: float, n_heads: int) -> None:
    values: NDArray[np.float32] = np.array(row["self_attention"], np.float32).reshape(n_heads, -1)
    if head < n_heads:
        values[head] = np.minimum(values[head] * np.exp(logarithm), 1)
    row["self_attention"] = values.ravel()
