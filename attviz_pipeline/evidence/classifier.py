"""The classifier as evidence uses it: logits of batches of windows, with gates, and its gradients."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from attviz_pipeline.attention.batching import batch_windows, calibrate
from attviz_pipeline.attention.freeing import FreedMemory
from attviz_pipeline.attention.inputs import ModelInputs
from attviz_pipeline.attention.last_layer import compute_all_tokens, compute_first_token_alone
from attviz_pipeline.attention.opening import device_name, open_model
from attviz_pipeline.attention.windows import Window
from attviz_pipeline.config.settings import AttentionSettings
from attviz_pipeline.errors import AttentionError
from attviz_pipeline.evidence.gates import HeadGates, Setting
from attviz_pipeline.evidence.target import by_label
from attviz_pipeline.faults import is_out_of_memory, too_long_for_memory
from attviz_pipeline.model_inputs import padding_id, pads_left, takes_type_ids

logger = logging.getLogger(__name__)

TRIAL_LENGTHS = (9, 5)

Result = TypeVar("Result")


def open_classifier(
    checkpoint: Path, tokenizer: PreTrainedTokenizerBase, card: Mapping[str, Any], settings: AttentionSettings
) -> "GatedClassifier":
    """Load a classifier.

    Args:
        checkpoint: Folder with the classifier.
        tokenizer: Its tokenizer.
        card: Its facts (schema `model`).
        settings: Section `attention`: device and size of batches. Precision is always float32, because half precision
            would round away the small changes that are measured.

    Raises:
        ResourceError: The requested device is not available.
    """
    model = open_model(checkpoint, settings.model_copy(update={"precision": "float32"}))
    inputs = ModelInputs(padding_id(model, tokenizer), pads_left(model), takes_type_ids(model, tokenizer))
    classifier = GatedClassifier(model, inputs, card, settings)
    classifier.leave_out_unread()
    return classifier


class GatedClassifier:
    """A classifier whose heads have gates.

    Args:
        model: The classifier, which is changed permanently.
        inputs: How windows become its inputs.
        card: Its facts: `n_layers`, `n_heads`, `output_to_label`.
        settings: Section `attention`: size of batches.
    """

    def __init__(
        self, model: PreTrainedModel, inputs: ModelInputs, card: Mapping[str, Any], settings: AttentionSettings
    ) -> None:
        self.model = model
        self.model.requires_grad_(requires_grad=False)
        self.model.train(mode=False)
        self.device = model.device
        self.device_name = device_name(model.device)
        self.n_layers, self.n_heads = int(card["n_layers"]), int(card["n_heads"])
        self.gates = HeadGates(model, self.n_layers, self.n_heads)
        self._inputs, self._output_to_label = inputs, card["output_to_label"]
        self._budget = None if settings.tokens_per_batch == "auto" else settings.tokens_per_batch
        self._freed = FreedMemory()

    def forward(self, windows: Sequence[Window], setting: Setting | None = None) -> Tensor:
        """Return the logits of one batch, [window, class], on the device; gradients are kept unless switched off.

        Raises:
            AttentionError: The model returned NaN or infinite values, or its heads cannot be switched off.
        """
        with self.gates.of_batch(setting):
            output = self.model(**self._inputs.tensors(windows, self.device), return_dict=True)
        self._freed.count(sum(window.n_tokens for window in windows))
        logits = by_label(output.logits.float(), self._output_to_label)
        if not torch.isfinite(logits).all():
            raise AttentionError(
                "the model returned NaN or infinite values: its weights are damaged.",
                remedy="Use an undamaged copy of the model.",
            )
        return logits

    def leave_out_unread(self) -> None:
        """Compute nothing in the last layer that the classification head does not read, if the logits stay the same."""
        # Gates behind the attention function would see the first token only, and so would means of heads' outputs.
        if self.gates.are_in_attention:
            trial = [Window(0, list(range(n)), [0] * n, 0, n) for n in TRIAL_LENGTHS]
            try:
                compute_first_token_alone(self.model, lambda: self.forward(trial))
            except (RuntimeError, MemoryError) as fault:
                if not is_out_of_memory(fault):
                    raise
                # The stage's own batches say what is too long.
                compute_all_tokens(self.model)

    def place(self, window: Window, longest: int) -> slice:
        """Return where a window's tokens are in a batch."""
        return self._inputs.place(window, longest)

    def read(self, windows: Sequence[Window]) -> Tensor:
        """Return the logits of windows, [window, class], on the CPU, in batches that fit into memory."""
        if not windows:
            return torch.empty(0, len(self._output_to_label))
        return torch.stack(self.in_batches(windows, lambda batch: self._logits([windows[index] for index in batch])))

    def in_batches(self, windows: Sequence[Window], run: Callable[[Sequence[int]], Iterable[Result]]) -> list[Result]:
        """Run batches of windows of similar length; one that does not fit into memory is run in halves.

        Args:
            windows: The model inputs.
            run: Given indices of windows, returns one result for each.

        Raises:
            ResourceError: A single window does not fit into memory.
        """
        found: dict[int, Result] = {}
        for batch in batch_windows(windows, self.budget(windows)):
            found.update(zip(batch, self._in_halves(windows, batch, run), strict=True))
        return [found[index] for index in range(len(windows))]

    def gates_fault(self, window: Window) -> str:
        """Return why the heads cannot be switched off, or nothing if they can."""
        try:
            with torch.inference_mode():
                self.forward([window], Setting(self.open_gates(1), None, 0))
        except AttentionError as fault:
            return fault.summary
        except (RuntimeError, TypeError) as fault:
            if is_out_of_memory(fault):
                raise too_long_for_memory(window.n_tokens) from None
            return f"the heads of {type(self.model).__name__} cannot be switched off: {fault}".splitlines()[0]
        return ""

    def open_gates(self, n_windows: int) -> Tensor:
        """Return gates that change nothing, [layer, window, head]."""
        return torch.ones(self.n_layers, n_windows, self.n_heads, device=self.device)

    def budget(self, windows: Sequence[Window]) -> int:
        """Return how many tokens a batch has at most; `auto` is calibrated on the first windows that are read."""
        if self._budget is None:
            self._budget = calibrate(self._logits, windows)
        return self._budget

    def seconds_per_pass(self, windows: Sequence[Window]) -> float:
        """Measure the time of one forward pass of one window, as part of a batch of a few windows."""
        some = list(windows)[:: max(1, len(windows) // 8)][:8]
        self.read(some)
        start = time.perf_counter()
        self.read(some)
        return (time.perf_counter() - start) / len(some)

    def log_cost(self, stage: str, n_passes: float, windows: Sequence[Window]) -> None:
        """Say how many forward passes a stage needs, and how long they will take about."""
        minutes = n_passes * self.seconds_per_pass(windows) / 60 if windows else 0.0
        logger.info("%s: %s forward passes, about %.1f minutes", stage, f"{n_passes:,.0f}", minutes)

    def _logits(self, windows: Sequence[Window]) -> Tensor:
        with torch.inference_mode():
            return self.forward(windows).cpu()

    def _in_halves(
        self, windows: Sequence[Window], batch: list[int], run: Callable[[Sequence[int]], Iterable[Result]]
    ) -> list[Result]:
        try:
            return list(run(batch))
        except (RuntimeError, MemoryError) as fault:
            if not is_out_of_memory(fault):
                raise
        # Outside the exception handler, which would keep the tensors of the failed batch alive.
        longest = max(windows[index].n_tokens for index in batch)
        if len(batch) == 1:
            raise too_long_for_memory(longest)
        half = len(batch) // 2
        self._budget = min(self.budget(windows), (len(batch) - half) * longest)
        logger.warning(
            "out of memory on a batch of %d inputs of up to %d tokens: reading it in halves", *(len(batch), longest)
        )
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return self._in_halves(windows, batch[:half], run) + self._in_halves(windows, batch[half:], run)
