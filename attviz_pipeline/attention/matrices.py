"""Models that bypass transformers' attention interface: matrices are reduced as soon as a layer returns them."""

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

ANOTHER_MODEL = (
    "Use a model whose layers attend from every token to every token, such as BERT, RoBERTa, DeBERTa or XLNet."
)
"""Remedy for models whose attention cannot be read."""
QUERY_FIRST = frozenset({"xlnet"})  # model types whose layers return [query, key, document, head]
MATRIX_AXES = 4


def matrix_diagonal(matrix: Tensor) -> Tensor:
    """Return the diagonal [document, head, token] of [document, head, query, key]."""
    return matrix.diagonal(dim1=-2, dim2=-1)


def reduce_returned_matrices(model: PreTrainedModel, reduce: Callable[[Tensor], Tensor] = matrix_diagonal) -> None:
    """Make each layer of a model that bypasses the interface return the diagonal instead of its matrix.

    Hooks act on the module that computes a matrix, because it returns the matrix first, so only one layer's matrix
    exists at a time. The diagonal keeps four axes, [document, head, token, 1] or [token, 1, document, head], because
    models rearrange them.

    Args:
        model: The classifier; one that uses the interface is not changed.
        reduce: Called once with each layer's matrix, [document, head, query, key]; returns its diagonal.
    """
    if hasattr(sys.modules[type(model).__module__], "ALL_ATTENTION_FUNCTIONS"):
        return
    query_first = model.config.model_type in QUERY_FIRST
    latest: list[Tensor] = []  # with a single token, a diagonal that outer modules return again looks like a matrix

    def reduced(part: Any) -> Any:  # noqa: ANN401
        if not _is_matrix(part, 0 if query_first else 2) or any(part is seen for seen in latest):
            return part
        diagonal = reduce(part.permute(2, 3, 0, 1) if query_first else part).unsqueeze(-1)
        latest[:] = [(diagonal.permute(2, 3, 0, 1) if query_first else diagonal).clone()]
        return latest[0]

    def reduce_all(_module: torch.nn.Module, _arguments: Any, returned: Any) -> Any:  # noqa: ANN401
        if type(returned) not in (tuple, list) or not returned:
            return None
        # The first entry is the input of the next layer, so it is not reduced.
        return type(returned)([returned[0], *map(reduced, returned[1:])])

    for module in model.modules():
        module.register_forward_hook(reduce_all)


def layer_diagonal(layer: Tensor) -> Tensor:
    """Return the attention of one layer as [document, head, token]; other shapes are returned unchanged."""
    if layer.dim() != MATRIX_AXES:
        return layer
    return layer.squeeze(-1) if layer.shape[-1] == 1 else matrix_diagonal(layer)


def _is_matrix(part: Any, query_axis: int) -> bool:  # noqa: ANN401
    return (
        isinstance(part, Tensor) and part.dim() == MATRIX_AXES and part.shape[query_axis] == part.shape[query_axis + 1]
    )
