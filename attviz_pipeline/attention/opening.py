"""Load the tokenizer and the classifier of a checkpoint on the configured device."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from attviz_pipeline.attention.capture import AttentionReader, Batch
from attviz_pipeline.attention.freeing import keep_few_kernels, reuse_memory
from attviz_pipeline.attention.observed_matrices import Observer
from attviz_pipeline.attention.precision import require_precision
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
        ResourceError: The requested device is not available, or does not compute in the precision.
    """
    device = device_of(settings)
    facts = device_name(device), settings.device, settings.precision
    logger.info("extracting on %s (attention.device: %s) in %s", *facts)
    keep_few_kernels()
    reuse_memory()
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
    """Return a reader of a classifier, which is changed permanently.

    Args:
        model: The classifier.
        tokenizer: Its tokenizer; provides the padding token if the model does not.
        settings: Section `attention`; the precision is used.
        observer: Receives whole attention matrices; None if they are not needed.
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
    """Check that the model returned as many layers and heads as its metadata states.

    Raises:
        AttentionError: The numbers differ.
    """
    n_layers, _, n_heads, _ = batch.self_attention.shape
    if (n_layers, n_heads) != (card["n_layers"], card["n_heads"]):
        raise AttentionError(
            f"the model returned attention of {n_layers} layers x {n_heads} heads, "
            f"its card states {card['n_layers']} x {card['n_heads']}."
        )


def device_name(device: torch.device) -> str:
    """Return the name of a device for metadata: `cpu`, or `cuda` and the GPU's model."""
    return device.type if device.type == "cpu" else f"{device.type}: {torch.cuda.get_device_name(device)}"


def device_of(wanted: AttentionSettings) -> torch.device:
    """Return the device of this machine that attention is extracted on.

    Raises:
        ResourceError: The requested device is not available, or does not compute in the precision.
    """
    available = torch.cuda.is_available()
    if wanted.device == "cuda" and not available:
        raise ResourceError("attention.device is `cuda`, but no GPU is visible: request one, or set `auto` or `cpu`.")
    device = torch.device("cuda" if available and wanted.device != "cpu" else "cpu")
    require_precision("attention.precision", wanted.precision, device)
    return device
