"""The number whose change is measured: of each task one, combined over a document's windows.

Single-label: the log probability of a class. Multi-label: that of a label set, the sum over labels of the log
probability of its decision. Regression: the value. What falls without tokens is `Task.strength` of the same outputs.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attviz_pipeline.attention.outputs import ACTIVATIONS
from attviz_pipeline.config.settings import TaskName
from attviz_pipeline.tasks.task import Task


def outputs_of(logits: Tensor, task: Task[Any]) -> NDArray[np.float64]:
    """Return what the pages show: the activated outputs of each window, averaged over the windows of a document.

    Args:
        logits: [..., window, output].
        task: The task of the study.

    Returns:
        [..., output]: probabilities, 0..1, or the predicted value.
    """
    outputs: NDArray[np.float64] = ACTIVATIONS[task.activation](logits.double()).mean(dim=-2).numpy()
    return outputs


def predictions_of(outputs: NDArray[np.float64], task: Task[Any]) -> list[Any]:
    """Return the prediction for each row of outputs, [..., output], as a flat list."""
    rows = outputs.reshape(-1, outputs.shape[-1]).tolist()
    return [task.predicted(task.predict(row)) for row in rows]


def target(logits: Tensor, value: Any, task: Task[Any]) -> Tensor:  # noqa: ANN401 - a value of any task
    """Return the number whose change is measured; it can be differentiated.

    Args:
        logits: Of one document, [..., window, output].
        value: The class, the label set, or in regression anything: there is one output.
        task: The task of the study.

    Returns:
        [...]: a log probability, at most 0, in nats; in regression the value.
    """
    return TARGETS[task.name](logits.double(), value)


def _of_class(logits: Tensor, label: int) -> Tensor:
    return _mean_over_windows(logits.log_softmax(dim=-1)[..., label])


def _of_label_set(logits: Tensor, labels: Sequence[int]) -> Tensor:
    signs = -torch.ones(logits.shape[-1], dtype=logits.dtype)
    signs[list(labels)] = 1
    # The log probability of every decision, [..., window, label]: 1 - sigmoid(z) is sigmoid(-z).
    decisions = torch.nn.functional.logsigmoid(signs * logits)
    return _mean_over_windows(decisions.transpose(-1, -2)).sum(dim=-1)


def _of_value(logits: Tensor, value: float) -> Tensor:  # noqa: ARG001 - the output is the value
    return logits[..., 0].mean(dim=-1)


def _mean_over_windows(logarithms: Tensor) -> Tensor:
    """Return the log of the mean probability, given log probabilities, [..., window]."""
    combined: Tensor = logarithms.logsumexp(dim=-1) - np.log(logarithms.shape[-1])
    return combined


TARGETS: Mapping[TaskName, Callable[[Tensor, Any], Tensor]] = {
    "single_label": _of_class,
    "multi_label": _of_label_set,
    "regression": _of_value,
}


def by_label(logits: Tensor, output_to_label: Sequence[int]) -> Tensor:
    """Order the outputs of a model, [..., output], by the classes of the dataset, [..., class]."""
    order = torch.tensor(output_to_label, device=logits.device).argsort()
    return logits[..., order]
