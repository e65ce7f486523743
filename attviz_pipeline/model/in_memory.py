"""Save a model and a tokenizer that a program holds, so that the stages can load them; neither is changed."""

import copy
import re
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING

from attviz_pipeline.errors import ModelError
from attviz_pipeline.model.load import quiet_transformers

NAME = re.compile(r"[\w.-]+", re.ASCII)
NO_NAMES = {".", "..", "model", "checkpoint"}


def save_model(model: object, tokenizer: object, folder: Path) -> Path:
    """Save a finished classifier with its tokenizer as files.

    Args:
        model: A text classifier of transformers; its weights, mode, device and config stay as they are.
        tokenizer: Its tokenizer.
        folder: Where to make the model's folder.

    Returns:
        The model's folder, named after the model.

    Raises:
        ModelError: One of them is of another kind, or the weights are quantised.
    """
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        raise ModelError(
            f"tokenizer must be a tokenizer of transformers, got {type(tokenizer).__name__}.",
            remedy="Give the tokenizer that the model was trained with, or name the model by its folder or hub id.",
        )
    found = _classifier(model)
    target = folder / _name(found)
    before = copy.deepcopy(found.config.__dict__)
    try:
        with quiet_transformers():
            found.save_pretrained(target)
            copy.deepcopy(tokenizer).save_pretrained(target)
    finally:
        found.config.__dict__.clear()
        found.config.__dict__.update(before)
    return target


def _classifier(model: object) -> PreTrainedModel:
    if hasattr(model, "merge_and_unload"):
        raise ModelError(
            "model is an adapter (PEFT) around a model.", remedy="Give model.merge_and_unload(): one model, no adapter."
        )
    if not isinstance(model, PreTrainedModel):
        raise ModelError(
            f"model must be a model of transformers, a folder or a hub id, got {type(model).__name__}.",
            remedy="Load it with AutoModelForSequenceClassification.from_pretrained(...).",
        )
    if getattr(model, "is_quantized", False):
        raise ModelError("the weights of the model are quantised.", remedy="Give the model before it was quantised.")
    classifier: object = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING.get(type(model.config), None)
    if type(model) is not classifier:
        raise ModelError(
            f"{type(model).__name__} is no text classifier of transformers.",
            remedy="Load it with AutoModelForSequenceClassification.from_pretrained(...).",
        )
    return model


def _name(model: PreTrainedModel) -> str:
    """Return the last part of the name that the model was loaded by, or the name of its class."""
    given = Path(str(model.name_or_path or "")).name
    return given if NAME.fullmatch(given) and given not in NO_NAMES else type(model).__name__
