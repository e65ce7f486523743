"""Run a classifier so that it returns self-attention instead of whole attention matrices."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

from attviz_pipeline.attention.diagonal import additive_mask, self_attention_forward, through_interface
from attviz_pipeline.attention.inputs import ModelInputs
from attviz_pipeline.attention.matrices import ANOTHER_MODEL, layer_diagonal, matrix_diagonal, reduce_returned_matrices
from attviz_pipeline.attention.observed_matrices import ObservedAttention, Observer
from attviz_pipeline.attention.windows import Window
from attviz_pipeline.errors import AttentionError

IMPLEMENTATION = "attviz_self_attention"
ROUNDING = 1e-3  # half precision may exceed the range 0..1 by this much


class Reading(NamedTuple):
    """Logits and self-attention of one window."""

    logits: Tensor
    """[output], float32."""
    self_attention: Tensor
    """[layer, head, token], float32, 0..1."""


class Batch(NamedTuple):
    """Logits and self-attention of several windows; a GPU may still be computing them."""

    logits: Tensor
    """[window, output]."""
    self_attention: Tensor
    """[layer, window, head, token], padding included."""
    places: list[slice]
    """Place of each window's tokens."""
    copied: torch.cuda.Event | None = None
    """Event after the copy from the GPU to host memory; None without a GPU."""

    def readings(self) -> list[Reading]:
        """Wait for the device, and remove padding.

        Raises:
            AttentionError: The model returned NaN or infinite values, or attention outside 0..1.
        """
        if self.copied is not None:
            self.copied.synchronize()
        logits, attention = self.logits.float().cpu(), self.self_attention.float().cpu()
        if not (torch.isfinite(logits).all() and torch.isfinite(attention).all()):
            raise AttentionError(
                "the model returned NaN or infinite values: its weights are damaged or overflow in this precision.",
                remedy="Use an undamaged copy of the model, or attention.precision: float32.",
            )
        least, most = attention.aminmax()
        if least < -ROUNDING or most > 1 + ROUNDING:
            raise AttentionError(
                f"the model returned {least:.3g} to {most:.3g} instead of attention, which lies between 0 and 1: "
                "its layers return scores before the softmax.",
                remedy=ANOTHER_MODEL,
            )
        return [Reading(logits[row], attention[:, row, :, place]) for row, place in enumerate(self.places)]


class AttentionReader:
    """Reads logits and self-attention of batches of windows.

    Args:
        model: The classifier, on its device; it is changed permanently.
        pad_token_id: Index of the padding token; None if windows are never batched.
        left_padded: Whether padding comes first.
        typed: Whether the model gets `token_type_ids`.
        precision: float32, or bfloat16 or float16 for the operations that autocast runs in half precision.
        observer: Receives the attention matrices part by part; without one, no matrix is computed.
    """

    def __init__(  # noqa: PLR0913 - each is a property of the model or of the run
        self,
        model: PreTrainedModel,
        *,
        pad_token_id: int | None,
        left_padded: bool,
        typed: bool,
        precision: str,
        observer: Observer | None = None,
    ) -> None:
        self._observed = None if observer is None else ObservedAttention(observer)
        self._register()
        AttentionMaskInterface.register(IMPLEMENTATION, additive_mask)
        model.set_attn_implementation(IMPLEMENTATION)
        reduce_returned_matrices(model, matrix_diagonal if self._observed is None else self._observed.reduce)
        model.train(mode=False)
        self._model = model
        self._inputs = ModelInputs(0 if pad_token_id is None else pad_token_id, left_padded, typed)
        self._precision = getattr(torch, precision)

    def read(self, windows: Sequence[Window]) -> list[Reading]:
        """Run one batch and wait for it; padding is masked, and removed from the result.

        Raises:
            AttentionError: The model returned no attention, or NaN or infinite values.
        """
        return self.launch(windows).readings()

    def launch(self, windows: Sequence[Window]) -> Batch:
        """Start one batch; on a GPU this returns before the computation ends.

        Raises:
            AttentionError: The model returned no attention, or the observer did not receive all matrices.
        """
        longest = max(window.n_tokens for window in windows)
        places = [self._inputs.place(window, longest) for window in windows]
        self._register()
        if self._observed is not None:
            self._observed.begin(windows, places)
        with torch.inference_mode(), self._autocast():
            output = self._model(**self.inputs(windows), output_attentions=True, return_dict=True)
            attention = self._stack(getattr(output, "attentions", None), len(windows), longest)
        if self._observed is not None:
            self._observed.require_seen(len(attention), attention.shape[2], type(self._model).__name__)
        if attention.device.type == "cpu":
            return Batch(output.logits, attention, places)
        # Copies are queued now. Later they would have to wait for the batches that follow on the GPU.
        logits, attention = (tensor.to("cpu", non_blocking=True) for tensor in (output.logits, attention))
        copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
        copied.record()
        return Batch(logits, attention, places, copied)

    def inputs(self, windows: Sequence[Window]) -> dict[str, Tensor]:
        """Return the model's inputs, padded to the longest window."""
        return self._inputs.tensors(windows, self._model.device)

    def _register(self) -> None:
        # The registry is global to the process, so another reader may have overwritten the entry.
        AttentionInterface.register(
            IMPLEMENTATION,
            self_attention_forward if self._observed is None else through_interface(self._observed.attend),
        )

    def _autocast(self) -> torch.autocast:
        halved = self._precision != torch.float32
        return torch.autocast(self._model.device.type, self._precision if halved else None, enabled=halved)

    def _stack(self, layers: Sequence[Tensor] | None, n_windows: int, n_tokens: int) -> Tensor:
        """Stack the attention of all layers to [layer, window, head, token]."""
        name = type(self._model).__name__
        if not layers or any(layer is None for layer in layers):
            raise AttentionError(
                f"{name} returns no attention: it has none, or hides it.",
                remedy=ANOTHER_MODEL,
            )
        diagonals = [layer_diagonal(layer) for layer in layers]
        if any(diagonal.shape[:1] + diagonal.shape[2:] != (n_windows, n_tokens) for diagonal in diagonals):
            raise AttentionError(
                f"{name} does not attend from every token to every token: of {n_windows} x {n_tokens} tokens, "
                f"its layers return attention of the shapes {[tuple(layer.shape) for layer in layers]}."
            )
        n_heads = [diagonal.shape[1] for diagonal in diagonals]
        if len(set(n_heads)) > 1:
            raise AttentionError(
                f"the layers of {name} have different numbers of heads: {n_heads}.",
                remedy="Use a model without pruned heads.",
            )
        return torch.stack(diagonals)
