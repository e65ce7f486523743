"""A model's config.json: its architecture, its task and its outputs."""

import json
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import transformers
from transformers import PreTrainedConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING

from attviz_pipeline.errors import ModelError
from attviz_pipeline.model.safely import SAFELY, faults_reported

logger = logging.getLogger(__name__)

ONE_CLASS: Literal["single_label_classification"] = "single_label_classification"
MOST_OUTPUTS = 100_000
N_OUTPUTS = 2  # default of transformers
OTHER_MODEL = (
    "Name a model that was trained to choose one of several classes; or set model.mode: fine_tune, which trains it on "
    "the dataset's classes."
)


def load_config(folder: Path) -> tuple[PreTrainedConfig, object]:
    """Return a model's config and, separately, its `id2label`, which is not checked.

    Raises:
        ModelError: transformers cannot read the config, or has no text classifier of its architecture.
    """
    content = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    id2label, n_outputs, _ = (content.pop(name, None) for name in ("id2label", "num_labels", "label2id"))
    if id2label is None:
        id2label = {str(index): f"LABEL_{index}" for index in range(_usable_number(n_outputs))}
    with tempfile.TemporaryDirectory() as scratch, faults_reported(folder, "config"):
        (Path(scratch) / "config.json").write_text(json.dumps(content), encoding="utf-8")
        config = transformers.AutoConfig.from_pretrained(scratch, **SAFELY)
        config.name_or_path = str(folder)
        # These change the model's return value, which only the caller should decide.
        config.output_attentions, config.output_hidden_states, config.return_dict = False, False, True
    if type(config) not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING:
        raise ModelError(f"transformers has no text classifier for the architecture {config.model_type!r} of {folder}.")
    return config, id2label


def require_classes(config: PreTrainedConfig, id2label: object, source: str) -> None:
    """Check that a model was trained for single-label classification.

    Raises:
        ModelError: The model has one output (regression), or is a multi-label model.
    """
    if config.problem_type == "regression" or (isinstance(id2label, dict | list) and len(id2label) == 1):
        raise one_output(source)
    if config.problem_type not in {None, ONE_CLASS}:
        raise ModelError(
            f"{source} was trained to give a text any number of classes (problem_type: {config.problem_type} in its "
            "config.json), which is not supported.",
            remedy=OTHER_MODEL,
        )


def one_output(source: str) -> ModelError:
    """Return the error for a model with a single output."""
    return ModelError(
        f"{source} has one output, a number (regression), and no classes: regression is not supported.",
        remedy=OTHER_MODEL,
    )


def set_classes(config: PreTrainedConfig, names: Sequence[str]) -> None:
    """Set the names of a model's outputs, and single-label classification as its task."""
    if config.problem_type not in {None, ONE_CLASS}:
        logger.warning("the model was trained for %s: now it is trained to choose one class", config.problem_type)
    config.id2label = dict(enumerate(names))
    config.label2id = {name: index for index, name in enumerate(names)}
    config.problem_type = ONE_CLASS


def _usable_number(n_outputs: object) -> int:
    return n_outputs if isinstance(n_outputs, int) and 1 <= n_outputs <= MOST_OUTPUTS else N_OUTPUTS
