"""Find the output projection of each attention module, whatever the architecture calls it."""

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

# Names within the attention module. In BERT and related models it is `output.dense` of the enclosing module.
OWN_NAMES = ("o_proj", "out_lin", "c_proj", "dense", "Wo", "out_proj")
NEIGHBOUR = "output.dense"


class OutputProjections:
    """The output projections of the attention modules of a model.

    Args:
        model: The classifier.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self._around = {part: module for module in model.modules() for part in module.children()}
        self._squares: dict[torch.nn.Module, Tensor | None] = {}

    def squares(self, module: torch.nn.Module, n_heads: int, size: int) -> Tensor | None:
        """Return W^T W of each head's output weights W [model size, size], or None if they are not found.

        |W v|^2 = v^T (W^T W) v needs products of `size` numbers instead of the model's size.

        Returns:
            [head, size, size], float32.
        """
        if module not in self._squares:
            weight = self._weight(module)
            fits = weight is not None and weight.shape[1] == n_heads * size
            self._squares[module] = _squares(weight, n_heads) if weight is not None and fits else None
        return self._squares[module]

    def _weight(self, module: torch.nn.Module) -> Tensor | None:
        """Return the weights as [model size, head * size]."""
        candidates = [getattr(module, name, None) for name in OWN_NAMES]
        around: object = self._around.get(module)
        for name in NEIGHBOUR.split("."):
            around = getattr(around, name, None)
        for candidate in (*candidates, around):
            if isinstance(candidate, torch.nn.Linear):
                return candidate.weight
            if isinstance(candidate, Conv1D):
                return candidate.weight.mT
        return None


def _squares(weight: Tensor, n_heads: int) -> Tensor:
    heads = weight.detach().float().reshape(len(weight), n_heads, -1).transpose(0, 1)
    squares: Tensor = heads.mT @ heads
    return squares
