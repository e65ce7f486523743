"""Models whose last layer computes only the token that the classification head reads."""

import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

logger = logging.getLogger(__name__)

NAME = ".attention.output"
"""What follows attention in a layer of BERT, RoBERTa or ELECTRA; it gets what attention returns, and what it got."""
TOLERANCE = 1e-6
"""Largest difference between logits of both ways in the trial, relative to the largest logit if it exceeds 1."""


def compute_first_token_alone(model: PreTrainedModel, read: Callable[[], Tensor]) -> bool:
    """Change a model so that its last layer leaves out the tokens after the first, if its logits stay the same.

    The last layer's attention is still computed for all tokens, and found by whoever reads it. What follows in this
    layer is computed for the first token, because the head of BERT and related models reads no other. Of six
    layers, this leaves out an eighth of the products with weights, forward and backward: other gradients are zero.

    Args:
        model: A classifier in evaluation mode.
        read: Returns its logits for at least two inputs of different lengths, [input, output], to try it.

    Returns:
        Whether the model is changed. `compute_all_tokens` undoes it.
    """
    places = _places(model)
    if not places:
        return False
    with torch.no_grad():
        whole = read()
    last: Any = places[-1]
    own = last.forward

    def of_first_token(hidden: Tensor, residual: Tensor) -> Tensor:
        narrowed: Tensor = own(hidden[:, :1], residual[:, :1])
        return narrowed

    # A method of the instance shadows that of the class until it is deleted.
    last.forward = of_first_token
    if not _agrees(whole, read):
        compute_all_tokens(model)
        return False
    return True


def compute_all_tokens(model: PreTrainedModel) -> None:
    """Undo `compute_first_token_alone`."""
    for place in _places(model)[-1:]:
        vars(place).pop("forward", None)


def _places(model: PreTrainedModel) -> list[torch.nn.Module]:
    return [module for name, module in model.named_modules() if name.endswith(NAME)]


def _agrees(whole: Tensor, read: Callable[[], Tensor]) -> bool:
    try:
        with torch.no_grad():
            short = read()
    except (RuntimeError, TypeError, ValueError, IndexError) as fault:
        logger.debug("the last layer computes all tokens: %s", fault)
        return False
    tolerance = TOLERANCE * max(1.0, float(whole.abs().max()))
    return short.shape == whole.shape and bool((short - whole).abs().max() <= tolerance)
