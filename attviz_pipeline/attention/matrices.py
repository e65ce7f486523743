"""Models that bypass transformers' attention interface: their matrices are reduced as soon as a layer returns them."""

import sys
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

QUERY_FIRST = frozenset({"xlnet"})  # model types whose layers return [query, key, document, head]
MATRIX_AXES = 4


def reduce_returned_matrices(model: PreTrainedModel) -> None:
    """Let each layer of a model that bypasses the interface hand out the diagonal in the place of its matrix.

    The module that made a matrix is the first to return it, so that no later layer ever meets an earlier one's matrix.
    The diagonal keeps four axes, [document, head, token, 1] or [token, 1, document, head], as models rearrange them.
    """
    if hasattr(sys.modules[type(model).__module__], "ALL_ATTENTION_FUNCTIONS"):
        return
    query_axis = 0 if model.config.model_type in QUERY_FIRST else 2

    def reduce(_module: torch.nn.Module, _arguments: Any, returned: Any) -> Any:  # noqa: ANN401
        if type(returned) not in (tuple, list) or not returned:
            return None
        # The first entry is what the model goes on computing with; a matrix there is not yet done with.
        return type(returned)([returned[0], *(_diagonal(part, query_axis) for part in returned[1:])])

    for module in model.modules():
        module.register_forward_hook(reduce)


def layer_diagonal(layer: Tensor) -> Tensor:
    """Return what a model collected from one layer as [document, head, token], if it can be read so."""
    if layer.dim() != MATRIX_AXES:
        return layer
    return layer.squeeze(-1) if layer.shape[-1] == 1 else layer.diagonal(dim1=-2, dim2=-1)


def _diagonal(part: Any, query_axis: int) -> Any:  # noqa: ANN401
    is_matrix = (
        isinstance(part, Tensor) and part.dim() == MATRIX_AXES and part.shape[query_axis] == part.shape[query_axis + 1]
    )
    if not is_matrix:
        return part
    diagonal = part.diagonal(dim1=query_axis, dim2=query_axis + 1).movedim(-1, query_axis)
    return diagonal.unsqueeze(query_axis + 1).clone()
