"""The tasks by name, and the task of a table."""

from collections.abc import Mapping
from typing import Any

from attviz_pipeline.config.settings import TaskName
from attviz_pipeline.tasks.multi_label import MultiLabel
from attviz_pipeline.tasks.regression import Regression
from attviz_pipeline.tasks.single_label import SingleLabel
from attviz_pipeline.tasks.task import Task

TASKS: Mapping[TaskName, type[Task[Any]]] = {task.name: task for task in (SingleLabel, MultiLabel, Regression)}


def task_of_config(config: Mapping[str, Any]) -> TaskName | None:
    """Return the task that a finished model's config.json names; None if it names none and has several outputs."""
    named = [name for name, task in TASKS.items() if task.problem_type == config.get("problem_type")]
    if named:
        return named[0]
    outputs = config.get("id2label")
    n_outputs = len(outputs) if isinstance(outputs, dict | list) else config.get("num_labels")
    return "regression" if n_outputs == 1 else None


def task_of(facts: Mapping[str, Any]) -> Task[Any]:
    """Return the task of a table or a card from its facts `task`, `label_names` and, if it has them, `thresholds`.

    Tables of evidence without a task are of single-label classification, and some of them name no classes.
    """
    name: TaskName = facts.get("task", "single_label")
    return TASKS[name](tuple(facts.get("label_names", ())), tuple(facts.get("thresholds", ())))
