"""The padding token: set in the model's config, and not a token of texts."""

import logging
from typing import Any, Literal

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from attviz_pipeline.errors import ModelError
from attviz_pipeline.model_inputs import own_padding_id, vocabulary_rows

logger = logging.getLogger(__name__)

Padding = Literal["model", "tokenizer", "added"]
"""Origin of the padding token."""


def agree_on_padding(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Padding:
    """Set a padding token in the model's config, which heads that read the last token need.

    Args:
        model: The model. If its config has no valid padding token, it gets the tokenizer's or a new one.
        tokenizer: The model's tokenizer.

    Returns:
        Origin of the padding token.

    Raises:
        ModelError: No padding token can be added to the model's vocabulary.
    """
    named, own = getattr(model.config, "pad_token_id", None), own_padding_id(model)
    if own is not None:
        if own != tokenizer.pad_token_id:
            message = "the tokenizer pads with token %s, the model's config with %d: inputs are padded with the latter"
            logger.info(message, tokenizer.pad_token_id, own)
        return "model"
    if named is not None:
        logger.warning("the model's config pads with token %s, which its vocabulary lacks", named)
    # With the end token as padding, an end token in a text would be masked.
    if tokenizer.pad_token_id not in {None, tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.unk_token_id}:
        model.config.pad_token_id = tokenizer.pad_token_id
        logger.info("the model has no padding token: the tokenizer's is used, %s", tokenizer.pad_token)
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
        "the model has no padding token: token %d is added to its vocabulary to pad the shorter texts of a batch; "
        "no text contains it, and no token attends to it",
        n_rows,
    )
