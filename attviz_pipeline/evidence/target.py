"""The number whose change is measured: the log probability of a class, combined over a document's windows."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def class_probabilities(logits: Tensor) -> NDArray[np.float64]:
    """Return what the pages show: the softmax of each window, averaged over the windows of a document.

    Args:
        logits: [..., window, class].

    Returns:
        [..., class], 0..1.
    """
    probabilities: NDArray[np.float64] = logits.double().softmax(dim=-1).mean(dim=-2).numpy()
    return probabilities


def target(logits: Tensor, label: int) -> Tensor:
    """Return the log of the same probability of one class; it can be differentiated.

    Args:
        logits: Of one document, [..., window, class].
        label: The class.

    Returns:
        [...], at most 0, in nats.
    """
    of_windows = logits.double().log_softmax(dim=-1)[..., label]
    combined: Tensor = of_windows.logsumexp(dim=-1) - np.log(of_windows.shape[-1])
    return combined


def by_label(logits: Tensor, output_to_label: Sequence[int]) -> Tensor:
    """Order the outputs of a model, [..., output], by the classes of the dataset, [..., class]."""
    order = torch.tensor(output_to_label, device=logits.device).argsort()
    return logits[..., order]
