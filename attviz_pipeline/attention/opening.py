"""Opening a checkpoint on the device that the settings ask for."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from attviz_pipeline.attention.capture import AttentionReader, Batch
from attviz_pipeline.attention.freeing import keep_few_kernels
from attviz_pipeline.attention.whole import Observer
from attviz_pipeline.config.settings import AttentionSettings
from attviz_pipeline.errors import AttentionError, ResourceError
from attviz_pipeline.model_inputs import padding_id, pads_left, takes_type_ids

logger = logging.getLogger(__name__)


def open_tokenizer(checkpoint: Path) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a checkpoint."""
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
        checkpoint, local_files_only=True, trust_remote_code=False
    )
    return tokenizer


def open_model(checkpoint: Path, settings: AttentionSettings) -> PreTrainedModel:
    """Load the classifier of a checkpoint.

    Raises:
        ResourceError: The device asked for is not there.
    """
    device = _device(settings)
    keep_few_kernels()
    model: PreTrainedModel = AutoModelForSequenceClassification.from_pretrained(
        checkpoint,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        dtype=torch.float32,
        attn_implementation="eager",
    )
    model.to(device)  # type: ignore[arg-type]
    return model


def open_reader(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    settings: AttentionSettings,
    observer: Observer | None = None,
) -> AttentionReader:
    """Make a reader of a classifier, which changes it for good.

    Args:
        model: The classifier.
        tokenizer: Says with what inputs are padded, where the model does not.
        settings: The precision to compute in.
        observer: Sees whole attention matrices, if they are wanted.
    """
    return AttentionReader(
        model,
        pad_token_id=padding_id(model, tokenizer),
        left_padded=pads_left(model),
        typed=takes_type_ids(model, tokenizer),
        precision=settings.precision,
        observer=observer,
    )


def require_heads(batch: Batch, card: Mapping[str, Any]) -> None:
    """Refuse a classifier that is not the one its card describes.

    Raises:
        AttentionError: It has returned the attention of other layers or heads.
    """
    n_layers, _, n_heads, _ = batch.self_attention.shape
    if (n_layers, n_heads) != (card["n_layers"], card["n_heads"]):
        raise AttentionError(
            f"the model returned attention of {n_layers} layers x {n_heads} heads, "
            f"its card names {card['n_layers']} x {card['n_heads']}."
        )


def device_name(device: torch.device) -> str:
    """Name what was computed on, so that a result can be traced to it: `cpu`, or `cuda` and the GPU's model."""
    return device.type if device.type == "cpu" else f"{device.type}: {torch.cuda.get_device_name(device)}"


def _device(wanted: AttentionSettings) -> torch.device:
    available = torch.cuda.is_available()
    if wanted.device == "cuda" and not available:
        raise ResourceError(
            "attention.device is `cuda`, but no GPU is visible here: ask for one, or set `auto` or `cpu`."
        )
    device = torch.device("cuda" if available and wanted.device != "cpu" else "cpu")
    if device.type == "cpu" and wanted.precision != "float32":
        raise ResourceError(
            f"attention.precision is `{wanted.precision}`, which needs a GPU, but attention is extracted on the CPU "
            f"(attention.device: {wanted.device}): set `float32`, or ask for a GPU."
        )
    logger.info("extracting on %s (attention.device: %s) in %s", device_name(device), wanted.device, wanted.precision)
    return device
