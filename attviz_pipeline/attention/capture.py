"""Running a classifier so that it hands out self-attention instead of whole attention matrices."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

from attviz_pipeline.attention.background import to_device
from attviz_pipeline.attention.diagonal import additive_mask, self_attention_forward
from attviz_pipeline.attention.matrices import layer_diagonal, matrix_diagonal, reduce_returned_matrices
from attviz_pipeline.attention.whole import Observer, WholeAttention
from attviz_pipeline.attention.windows import Window
from attviz_pipeline.errors import AttentionError

IMPLEMENTATION = "attviz_self_attention"
ROUNDING = 1e-3  # what half precision may add to attention of 1


class Reading(NamedTuple):
    """What a classifier says about one window."""

    logits: Tensor
    """[output], float32."""
    self_attention: Tensor
    """[layer, head, token], float32, 0..1."""


class Batch(NamedTuple):
    """What a classifier says about several windows; on a GPU it may still be computing."""

    logits: Tensor
    """[window, output]."""
    self_attention: Tensor
    """[layer, window, head, token], padding included."""
    places: list[slice]
    """Where the tokens of each window are."""
    copied: torch.cuda.Event | None = None
    """Tells when a GPU has filled the tensors, which lie in the computer's memory; None where no GPU computes."""

    def readings(self) -> list[Reading]:
        """Wait for the device, and cut padding off.

        Raises:
            AttentionError: The model returned values that are no numbers, or no shares of attention.
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
                f"the model returned {least:.3g} to {most:.3g} in the place of attention, which lies between 0 and 1: "
                "its layers hand out scores before the softmax.",
                remedy="Use a model whose layers attend as BERT's do.",
            )
        return [Reading(logits[row], attention[:, row, :, place]) for row, place in enumerate(self.places)]


class AttentionReader:
    """A classifier from which batches of windows are read.

    Args:
        model: The classifier, on its device.
        pad_token_id: What fills up shorter windows; None if they are never batched.
        left_padded: Whether padding comes first.
        typed: Whether the model is told which of two texts a token belongs to.
        precision: float32, or bfloat16 or float16 for what autocast holds safe to compute so.
        observer: Sees whole attention matrices while they exist; without one, none is ever made.
    """

    def __init__(  # noqa: PLR0913 - each is a fact of the model or of the run
        self,
        model: PreTrainedModel,
        *,
        pad_token_id: int | None,
        left_padded: bool,
        typed: bool,
        precision: str,
        observer: Observer | None = None,
    ) -> None:
        self._whole = None if observer is None else WholeAttention(observer)
        self._register()
        AttentionMaskInterface.register(IMPLEMENTATION, additive_mask)
        model.set_attn_implementation(IMPLEMENTATION)
        reduce_returned_matrices(model, matrix_diagonal if self._whole is None else self._whole.reduce)
        model.train(mode=False)
        self._model = model
        self._pad_token_id = 0 if pad_token_id is None else pad_token_id
        self._left_padded = left_padded
        self._typed = typed
        self._precision = getattr(torch, precision)

    def read(self, windows: Sequence[Window]) -> list[Reading]:
        """Run one batch; padding is masked and cut off again.

        Raises:
            AttentionError: The model returned no attention, or values that are no numbers.
        """
        return self.launch(windows).readings()

    def launch(self, windows: Sequence[Window]) -> Batch:
        """Start one batch; on a GPU this returns before it is computed.

        Raises:
            AttentionError: The model returned no attention, or did not show what an observer wants to see.
        """
        longest = max(window.n_tokens for window in windows)
        places = [self._place(window, longest) for window in windows]
        self._register()
        if self._whole is not None:
            self._whole.begin(windows, places)
        with torch.inference_mode(), self._autocast():
            output = self._model(**self.inputs(windows), output_attentions=True, return_dict=True)
            attention = self._stack(getattr(output, "attentions", None), len(windows), longest)
        if self._whole is not None:
            self._whole.require_seen(len(attention), attention.shape[2], type(self._model).__name__)
        if attention.device.type == "cpu":
            return Batch(output.logits, attention, places)
        # Asked for when wanted, copies would wait for whatever the GPU was given since.
        logits, attention = (tensor.to("cpu", non_blocking=True) for tensor in (output.logits, attention))
        copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
        copied.record()
        return Batch(logits, attention, places, copied)

    def inputs(self, windows: Sequence[Window]) -> dict[str, Tensor]:
        """Return what the model is called with, padded to the longest window."""
        longest = max(window.n_tokens for window in windows)
        shape = (len(windows), longest)
        token_ids = torch.full(shape, self._pad_token_id)
        mask, type_ids = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
        for row, window in enumerate(windows):
            place = self._place(window, longest)
            token_ids[row, place] = torch.tensor(window.token_ids)
            type_ids[row, place] = torch.tensor(window.type_ids)
            mask[row, place] = 1
        inputs = {"input_ids": token_ids}
        if self._typed:
            inputs["token_type_ids"] = type_ids
        # Without padding there is nothing to mask, and attention without a mask is faster.
        if any(window.n_tokens < longest for window in windows):
            inputs["attention_mask"] = mask
        return {name: to_device(tensor, self._model.device) for name, tensor in inputs.items()}

    def _register(self) -> None:
        # The interface's table is one for the process: another reader may have written to it since.
        AttentionInterface.register(
            IMPLEMENTATION, self_attention_forward if self._whole is None else self._whole.forward
        )

    def _autocast(self) -> torch.autocast:
        halved = self._precision != torch.float32
        return torch.autocast(self._model.device.type, self._precision if halved else None, enabled=halved)

    def _place(self, window: Window, longest: int) -> slice:
        return slice(longest - window.n_tokens, longest) if self._left_padded else slice(0, window.n_tokens)

    def _stack(self, layers: Sequence[Tensor] | None, n_windows: int, n_tokens: int) -> Tensor:
        """Bring what the model collected into the shape [layer, document, head, token]."""
        name = type(self._model).__name__
        if not layers or any(layer is None for layer in layers):
            raise AttentionError(
                f"{name} returns no attention: it has none, or hides it.",
                remedy="Use a model whose layers attend from token to token, such as BERT, RoBERTa or XLNet.",
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
                remedy="Use a model of which no head was removed.",
            )
        return torch.stack(diagonals)
