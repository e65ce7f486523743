"""Models of `compare.models`: they need the classes of the study's own model, and their faults name them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from attviz_pipeline.config.settings import ModelSettings
from attviz_pipeline.errors import ModelError, Problem
from attviz_pipeline.model.labels import name_outputs
from attviz_pipeline.model.model_config import load_config, named_outputs, require_task
from attviz_pipeline.model.source import read_published_config
from attviz_pipeline.tasks.task import Task

KEY = re.compile(r"`?\bmodel\.([a-z_0-9]+(: \w+)?)`?")
"""A setting of section `model`, perhaps with its value, in a message about the study's own model."""


@contextmanager
def faults_of(name: str | None) -> Iterator[None]:
    """Name the model of `compare.models` in its errors, whose remedies then name its settings.

    Args:
        name: Its name; None for a model that is made from the study's own settings, whose errors stay as they are.

    Raises:
        ModelError: The model cannot be used.
    """
    try:
        yield
    except ModelError as fault:
        if name is None:
            raise
        setting = f"`\\1` of {name} in compare.models"
        raise ModelError(
            f"{name} in compare.models cannot be compared: {KEY.sub(setting, fault.summary)}",
            [Problem(KEY.sub(r"\1", one.where), KEY.sub(setting, one.what)) for one in fault.problems],
            f"{KEY.sub(setting, fault.remedy)} Or remove {name} from compare.models.".lstrip(),
        ) from None


def with_classes_of_own(task: Task[Any], own: ModelSettings | None, folder: Path, settings: ModelSettings) -> Task[Any]:
    """Return the task with the classes of the study's own model, where the dataset does not name them.

    Without labels, the classes are those of the finished model that the study loads. Predictions of another model can
    only be compared with its predictions if they are of the same classes, in whatever order.

    Args:
        task: The task of the dataset.
        own: The study's own model if it is a finished one, else None.
        folder: Files of the compared model.
        settings: The compared model.

    Raises:
        ModelError: The compared model has other classes.
    """
    if own is None or not task.has_labels or task.label_names:
        return task
    config, id2label = load_config(folder)
    require_task(config, id2label, settings.source, task)
    names = name_outputs(named_outputs(read_published_config(own)), own.label_names)
    others = name_outputs(id2label, settings.label_names)
    if sorted(names) != sorted(others):
        raise ModelError(
            f"it has other {task.nouns} than the study's own model:",
            [Problem(settings.source, repr(others)), Problem(own.source, repr(names))],
            f"Name a model with the same {task.nouns}; if only their names differ, set model.label_names to the names "
            "that the study's own model uses, in the order of the outputs.",
        )
    return replace(task, label_names=tuple(names))
