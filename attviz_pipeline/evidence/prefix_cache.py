"""Forward passes that begin at a later layer, where what comes before does not change."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from typing import Any

import torch
from torch import Tensor

from attviz_pipeline.attention.matrices import QUERY_FIRST
from attviz_pipeline.attention.windows import Window
from attviz_pipeline.errors import AttentionError
from attviz_pipeline.evidence.classifier import GatedClassifier
from attviz_pipeline.evidence.gates import Setting

logger = logging.getLogger(__name__)

TOLERANCE = 1e-6
"""Largest difference between logits of both ways in the trial; batches of other sizes differ by about 1e-7."""


class PrefixCache:
    """Keeps what each layer returns for one window, so that a pass with a changed layer can skip those before it.

    It needs no knowledge of the architecture: the layers are the list of modules whose length is the number of layers.
    During a short pass, the skipped layers return what the last of them returned in the whole pass; all else is the
    model's own code. `of_model` tries this before it is used.

    Args:
        classifier: The classifier.
        layers: Its layers, in order.
        reads_once: Whether a short pass reads the window once, and has several rows only from the first layer on that
            runs. Heads that look up each row's last token (GPT-2) need as many inputs as rows.
    """

    def __init__(self, classifier: GatedClassifier, layers: Sequence[torch.nn.Module], *, reads_once: bool) -> None:
        self._classifier, self._layers, self._reads_once = classifier, layers, reads_once
        self._window_axis = 1 if classifier.model.config.model_type in QUERY_FIRST else 0
        self._returned: list[Any] = []

    @classmethod
    def of_model(cls, classifier: GatedClassifier, window: Window) -> "PrefixCache | None":
        """Return a cache if the model has such a list and short passes give the same logits, else None.

        Args:
            classifier: The classifier; its heads have gates.
            window: An input to try it with.
        """
        for layers, reads_once in product(_lists_of_layers(classifier), (True, False)):
            cache = cls(classifier, layers, reads_once=reads_once)
            try:
                if cache._agrees(window):
                    return cache
            except (RuntimeError, TypeError, ValueError, IndexError, AttributeError, AttentionError) as fault:
                logger.debug("a list of %d modules is no list of layers: %s", len(layers), fault)
        logger.info("no list of layers whose passes can begin in the middle was found: each head takes a whole pass")
        return None

    def keep(self, window: Window) -> Tensor:
        """Read a window whole, keep what each layer returns, and return its logits, [1, class], on the device."""
        self._returned = []
        hooks = [layer.register_forward_hook(self._record) for layer in self._layers]
        try:
            return self._classifier.forward([window])
        finally:
            for hook in hooks:
                hook.remove()

    def forward(self, window: Window, setting: Setting) -> Tensor:
        """Return the logits of the kept window for each row of gates, [row, class], from `first_layer` on."""
        n_rows = setting.gates.shape[1]
        n_inputs = 1 if self._reads_once and setting.first_layer else n_rows
        with self._skipped(setting.first_layer, n_rows):
            return self._classifier.forward([window] * n_inputs, setting)

    def _record(self, _module: torch.nn.Module, _arguments: object, returned: object) -> None:
        self._returned.append(returned)

    @contextmanager
    def _skipped(self, n_layers: int, n_rows: int) -> Iterator[None]:
        # A method of the instance shadows that of the class until it is deleted.
        skipped = list(self._layers[:n_layers])
        if skipped:
            returned = self._repeated(self._returned[n_layers - 1], n_rows)
            for layer in skipped:
                layer.forward = _constant(returned)
        try:
            yield
        finally:
            for layer in skipped:
                del layer.forward

    def _repeated(self, returned: Any, n_rows: int) -> Any:  # noqa: ANN401 - as layers return it
        if isinstance(returned, Tensor):
            sizes = list(returned.shape)
            sizes[self._window_axis] = n_rows
            return returned.expand(sizes)
        if isinstance(returned, tuple):
            return tuple(self._repeated(part, n_rows) for part in returned)
        return returned

    def _agrees(self, window: Window) -> bool:
        """Whether switching off one head of each layer gives the same logits both ways."""
        n_layers = self._classifier.n_layers
        with torch.inference_mode():
            self.keep(window)
            if len(self._returned) != n_layers:
                return False
            for layer in range(n_layers):
                gates = self._classifier.open_gates(2)
                gates[layer, 0, 0] = 0
                short = self.forward(window, Setting(gates, None, layer))
                whole = self._classifier.forward([window] * 2, Setting(gates, None, 0))
                if short.shape != whole.shape or (short - whole).abs().max() > TOLERANCE * max(
                    1.0, float(whole.abs().max())
                ):
                    return False
        return True


def _lists_of_layers(classifier: GatedClassifier) -> Iterator[Sequence[torch.nn.Module]]:
    for module in classifier.model.modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == classifier.n_layers:
            yield list(module)


def _constant(returned: object) -> Callable[..., object]:
    return lambda *_arguments, **_options: returned
