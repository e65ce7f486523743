"""A model's config.json: its architecture, its task and its outputs."""

import json
import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import transformers
from transformers import PreTrainedConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING

from attviz_pipeline.errors import ModelError
from attviz_pipeline.model.safely import SAFELY, faults_reported
from attviz_pipeline.tasks.task import Task

logger = logging.getLogger(__name__)

MOST_OUTPUTS = 100_000
N_OUTPUTS = 2  # default of transformers
OTHER_MODEL = "Name a model that was trained for {}; or set model.mode: fine_tune, which trains it; or correct `task`."


def load_config(folder: Path) -> tuple[PreTrainedConfig, object]:
    """Return a model's config and, separately, its `id2label`, which is not checked.

    Raises:
        ModelError: transformers cannot read the config, or has no text classifier of its architecture.
    """
    content = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    id2label = named_outputs(content)
    for name in ("id2label", "num_labels", "label2id"):
        content.pop(name, None)
    with tempfile.TemporaryDirectory() as scratch, faults_reported(folder, "config"):
        (Path(scratch) / "config.json").write_text(json.dumps(content), encoding="utf-8")
        config = transformers.AutoConfig.from_pretrained(scratch, **SAFELY)
        config.name_or_path = str(folder)
        # These change the model's return value, which only the caller should decide.
        config.output_attentions, config.output_hidden_states, config.return_dict = False, False, True
    if type(config) not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING:
        raise ModelError(f"transformers has no text classifier for the architecture {config.model_type!r} of {folder}.")
    return config, id2label


def named_outputs(content: Mapping[str, Any]) -> object:
    """Return `id2label` of the content of a config.json, unchecked; LABEL_0, LABEL_1, ... where it has none."""
    id2label: object = content.get("id2label")
    if id2label is None:
        return {str(index): f"LABEL_{index}" for index in range(_usable_number(content.get("num_labels")))}
    return id2label


def require_task(config: PreTrainedConfig, id2label: object, source: str, task: Task[Any]) -> None:
    """Check that a model was trained for the study's task.

    Raises:
        ModelError: Its config.json names another task, or it has a single output and the task has several labels.
    """
    one = isinstance(id2label, dict | list) and len(id2label) == 1
    if config.problem_type == task.problem_type and (not one or not task.has_labels):
        return
    if task.has_labels and (one or config.problem_type == "regression"):
        raise one_output(source, task)
    if config.problem_type is not None:
        raise ModelError(
            f"{source} was trained for another task than {task.title} (problem_type: {config.problem_type} in its "
            "config.json).",
            remedy=OTHER_MODEL.format(task.title),
        )


def one_output(source: str, task: Task[Any]) -> ModelError:
    """Return the error for a model with a single output."""
    return ModelError(
        f"{source} has one output, a number (regression), and no {task.nouns}: the study's task is {task.title}.",
        remedy=OTHER_MODEL.format(task.title),
    )


def set_task(config: PreTrainedConfig, names: Sequence[str], task: Task[Any]) -> None:
    """Set the names of a model's outputs, and its task."""
    if config.problem_type not in {None, task.problem_type}:
        logger.warning("the model was trained for %s: now it is trained for %s", config.problem_type, task.problem_type)
    config.id2label = dict(enumerate(names))
    config.label2id = {name: index for index, name in enumerate(names)}
    config.problem_type = task.problem_type  # type: ignore[assignment] # one of the three that it may be


def _usable_number(n_outputs: object) -> int:
    return n_outputs if isinstance(n_outputs, int) and 1 <= n_outputs <= MOST_OUTPUTS else N_OUTPUTS
