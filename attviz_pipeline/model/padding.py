"""The padding token: one that no text contains, known to the model's config."""

import logging
from typing import Any, Literal

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from attviz_pipeline.errors import ModelError
from attviz_pipeline.model_inputs import own_padding_id, vocabulary_rows

logger = logging.getLogger(__name__)

Padding = Literal["model", "tokenizer", "added"]
"""Whose padding token fills up shorter inputs."""


def agree_on_padding(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Padding:
    """Let the model's config name a padding token, by which heads that read the last token find it.

    Args:
        model: Gets its tokenizer's padding token, or a new one, where it names none that its vocabulary has.
        tokenizer: Of the model.

    Returns:
        Whose padding token it is.

    Raises:
        ModelError: None can be added to the model's vocabulary.
    """
    named, own = getattr(model.config, "pad_token_id", None), own_padding_id(model)
    if own is not None:
        if own != tokenizer.pad_token_id:
            message = "the tokenizer pads with token %s, the model's config with %d: inputs are padded with the latter"
            logger.info(message, tokenizer.pad_token_id, own)
        return "model"
    if named is not None:
        logger.warning("the model's config pads with token %s, which its vocabulary lacks", named)
    # An end token in its place would hide the end of a text that closes with one.
    if tokenizer.pad_token_id not in {None, tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.unk_token_id}:
        model.config.pad_token_id = tokenizer.pad_token_id
        logger.info("the model names no padding token: it gets its tokenizer's, %s", tokenizer.pad_token)
        return "tokenizer"
    _add_padding(model)
    return "added"


def _add_padding(model: Any) -> None:  # noqa: ANN401 - the library's own functions are untyped
    n_rows = vocabulary_rows(model)
    if n_rows is None:
        return
    try:
        model.resize_token_embeddings(n_rows + 1, mean_resizing=False)
    except (TypeError, ValueError, NotImplementedError, AttributeError):
        raise ModelError(
            f"{type(model).__name__} has no padding token, and none can be added to its vocabulary.",
            remedy="Name the padding token that it was trained with as `pad_token_id` in its config.json.",
        ) from None
    with torch.no_grad():
        model.get_input_embeddings().weight[n_rows] = 0
    model.config.pad_token_id = n_rows
    logger.warning(
        "the model has no padding token: token %d is added to its vocabulary to fill up the shorter texts of a batch; "
        "no text contains it, and none attends to it",
        n_rows,
    )
