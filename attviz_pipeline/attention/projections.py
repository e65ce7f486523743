"""Where an architecture keeps the weights that turn what its heads gather into the layer's output."""

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

# Within the attention module itself; BERT and its kin keep it beside, in `output.dense` of the module around it.
OWN_NAMES = ("o_proj", "out_lin", "c_proj", "dense", "Wo", "out_proj")
NEIGHBOUR = "output.dense"


class OutputProjections:
    """The output weights of each attention module of a model.

    Args:
        model: The classifier.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self._around = {part: module for module in model.modules() for part in module.children()}
        self._squares: dict[torch.nn.Module, Tensor | None] = {}

    def squares(self, module: torch.nn.Module, n_heads: int, size: int) -> Tensor | None:
        """Return W^T W of each head's output weights W [model size, size], or None where they are not found.

        With them, the norm of W v is that of a product of `size` numbers, not of the model's size.

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
