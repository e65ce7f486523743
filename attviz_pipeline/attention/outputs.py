"""From a model's logits to its activated outputs, in the order of the labels."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from attviz_pipeline.tasks.task import Activation

ACTIVATIONS: Mapping[Activation, Callable[[Tensor], Tensor]] = {
    "softmax": lambda logits: logits.softmax(dim=-1),
    "sigmoid": torch.sigmoid,
    "identity": lambda logits: logits,
}


def activated_outputs(
    logits: Tensor, activation: Activation, output_to_label: Sequence[int]
) -> npt.NDArray[np.float64]:
    """Return probabilities, or the value in regression, [..., label].

    Args:
        logits: Of any number of texts, [..., output].
        activation: As the task of the study says.
        output_to_label: Index of the label for every output of the model.
    """
    activated = ACTIVATIONS[activation](logits.double()).numpy()
    ordered: npt.NDArray[np.float64] = np.zeros_like(activated)
    ordered[..., list(output_to_label)] = activated
    return ordered
