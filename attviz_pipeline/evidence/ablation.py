"""Documents read with some heads switched off."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attviz_pipeline.attention.windows import Window
from attviz_pipeline.evidence.classifier import GatedClassifier
from attviz_pipeline.evidence.gates import Setting
from attviz_pipeline.evidence.prefix_cache import PrefixCache
from attviz_pipeline.faults import is_out_of_memory, too_long_for_memory

Floats = NDArray[np.float64]


class Readings(NamedTuple):
    """The logits of one window."""

    whole: Tensor
    """[class]."""
    without_head: Tensor
    """[layer, head, class]."""
    without_layer: Tensor
    """With all heads of the layer switched off, [layer, class]."""


class Ablation:
    """Switches heads off.

    Args:
        classifier: The classifier; its heads have gates.
        windows: Inputs over which the mean outputs of heads are taken; the first one is used to try the cache.
        how: What replaces the output of a head: zero, or its mean over all tokens of `windows`.
        may_cache: Whether passes may begin at the layer of the head.
    """

    def __init__(
        self,
        classifier: GatedClassifier,
        windows: Sequence[Window],
        how: Literal["zero", "mean"],
        *,
        may_cache: bool = True,
    ) -> None:
        self._classifier = classifier
        self._substitute = mean_outputs(classifier, windows) if how == "mean" else None
        self._cache = PrefixCache.of_model(classifier, windows[0]) if may_cache else None
        self._most_rows: int | None = None

    @property
    def is_cached(self) -> bool:
        """Whether passes begin at the layer of the head."""
        return self._cache is not None

    @property
    def passes_per_window(self) -> int:
        """Forward passes of one window in `each_head`, whole or from some layer on."""
        return 1 + (self._classifier.n_heads + 1) * self._classifier.n_layers

    @property
    def cost_per_window(self) -> float:
        """The same, in whole passes."""
        n_layers, n_rows = self._classifier.n_layers, self._classifier.n_heads + 1
        return 1 + n_rows * (n_layers + 1) / 2 if self.is_cached else self.passes_per_window

    def each_head(self, window: Window, advance: Callable[[int], None]) -> Readings:
        """Switch off each head, and each whole layer, one at a time.

        Args:
            window: The input.
            advance: Called with numbers of finished passes, whole or from some layer on.

        Raises:
            ResourceError: The window does not fit into memory.
        """
        classifier = self._classifier
        n_layers, n_heads = classifier.n_layers, classifier.n_heads
        with torch.inference_mode():
            whole = (classifier.forward([window]) if self._cache is None else self._cache.keep(window))[0].cpu()
        advance(1)
        rows = []
        for layer in range(n_layers):
            # One row per head, and one for all of them.
            off = torch.cat([torch.eye(n_heads), torch.ones(1, n_heads)])
            gates = classifier.open_gates(n_heads + 1)
            gates[layer] = 1 - off.to(gates)
            rows.append(self._read(window, gates, layer))
            advance(n_heads + 1)
        found = torch.stack(rows)
        return Readings(whole, found[:, :-1], found[:, -1])

    def some_heads(self, windows: Sequence[Window], gates: Tensor) -> Tensor:
        """Return the logits of windows with some heads switched off in all of them, [window, class].

        Args:
            windows: The inputs.
            gates: [layer, head].
        """

        def run(batch: Sequence[int]) -> Tensor:
            of_batch = gates[:, None].expand(-1, len(batch), -1).to(self._classifier.device)
            with torch.inference_mode():
                setting = Setting(of_batch, self._substitute, 0)
                return self._classifier.forward([windows[index] for index in batch], setting).cpu()

        return torch.stack(self._classifier.in_batches(windows, run))

    def _read(self, window: Window, gates: Tensor, layer: int) -> Tensor:
        """Return the logits of a window for each row of gates, [row, class], in parts that fit into memory."""
        n_rows = gates.shape[1]
        budget = self._classifier.budget([window])
        at_once = self._most_rows or n_rows
        at_once = max(1, min(at_once, n_rows, -(-2 * budget // window.n_tokens)))
        try:
            return torch.cat([self._read_rows(window, part, layer) for part in torch.split(gates, at_once, dim=1)])
        except (RuntimeError, MemoryError) as fault:
            if not is_out_of_memory(fault):
                raise
        if at_once == 1:
            raise too_long_for_memory(window.n_tokens)
        self._most_rows = at_once // 2
        return self._read(window, gates, layer)

    def _read_rows(self, window: Window, gates: Tensor, layer: int) -> Tensor:
        with torch.inference_mode():
            if self._cache is not None:
                return self._cache.forward(window, Setting(gates, self._substitute, layer)).cpu()
            return self._classifier.forward([window] * gates.shape[1], Setting(gates, self._substitute, 0)).cpu()


def mean_outputs(classifier: GatedClassifier, windows: Sequence[Window]) -> Tensor:
    """Return each head's mean output over all tokens of some windows, special ones included, [layer, head, size]."""
    sums: dict[int, Tensor] = {}

    def add(layer: int, output: Tensor) -> None:
        total = output[0].double().sum(dim=0)
        sums[layer] = sums[layer] + total if layer in sums else total

    with torch.inference_mode(), classifier.gates.watched(add):
        for window in windows:
            classifier.forward([window])
    means = torch.stack([sums[layer] for layer in range(classifier.n_layers)]) / sum(one.n_tokens for one in windows)
    return means.float()
