"""Running a classifier so that it hands out self-attention instead of whole attention matrices."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

from attviz_pipeline.attention.diagonal import additive_mask, self_attention_forward
from attviz_pipeline.attention.matrices import layer_diagonal, reduce_returned_matrices
from attviz_pipeline.attention.windows import Window
from attviz_pipeline.errors import AttentionError

IMPLEMENTATION = "attviz_self_attention"


class Reading(NamedTuple):
    """What a classifier says about one window."""

    logits: Tensor
    """[output], float32."""
    self_attention: Tensor
    """[layer, head, token], float32, 0..1."""


class AttentionReader:
    """A classifier from which batches of windows are read.

    Args:
        model: The classifier, on its device.
        pad_token_id: What fills up shorter windows; None if they are never batched.
        left_padded: Whether padding comes first.
        typed: Whether the model is told which of two texts a token belongs to.
        precision: float32, or bfloat16 or float16 for what autocast holds safe to compute so.
    """

    def __init__(
        self, model: PreTrainedModel, *, pad_token_id: int | None, left_padded: bool, typed: bool, precision: str
    ) -> None:
        AttentionInterface.register(IMPLEMENTATION, self_attention_forward)
        AttentionMaskInterface.register(IMPLEMENTATION, additive_mask)
        model.set_attn_implementation(IMPLEMENTATION)
        reduce_returned_matrices(model)
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
        longest = max(window.n_tokens for window in windows)
        with torch.inference_mode(), self._autocast():
            output = self._model(**self._inputs(windows, longest), output_attentions=True, return_dict=True)
            attention = self._stack(getattr(output, "attentions", None), len(windows), longest)
            logits = output.logits.float().cpu()
        if not (torch.isfinite(logits).all() and torch.isfinite(attention).all()):
            raise AttentionError(
                "the model returned NaN or infinite values: its weights are damaged or overflow in this precision."
            )
        places = [self._place(window, longest) for window in windows]
        return [Reading(logits[row], attention[:, row, :, place]) for row, place in enumerate(places)]

    def _autocast(self) -> torch.autocast:
        halved = self._precision != torch.float32
        return torch.autocast(self._model.device.type, self._precision if halved else None, enabled=halved)

    def _inputs(self, windows: Sequence[Window], longest: int) -> dict[str, Tensor]:
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
        return {name: tensor.to(self._model.device) for name, tensor in inputs.items()}

    def _place(self, window: Window, longest: int) -> slice:
        return slice(longest - window.n_tokens, longest) if self._left_padded else slice(0, window.n_tokens)

    def _stack(self, layers: Sequence[Tensor] | None, n_windows: int, n_tokens: int) -> Tensor:
        """Bring what the model collected into the shape [layer, document, head, token]."""
        name = type(self._model).__name__
        if not layers or any(layer is None for layer in layers):
            raise AttentionError(
                f"{name} returns no attention: it has none, or hides it. "
                "Use a model whose layers attend from token to token, such as BERT, RoBERTa or XLNet."
            )
        diagonals = [layer_diagonal(layer) for layer in layers]
        shapes = {(tuple(diagonal.shape[:1]), tuple(diagonal.shape[2:])) for diagonal in diagonals}
        if shapes != {((n_windows,), (n_tokens,))}:
            raise AttentionError(
                f"{name} does not attend from every token to every token: of {n_windows} x {n_tokens} tokens, "
                f"its layers return attention of the shapes {[tuple(layer.shape) for layer in layers]}."
            )
        return torch.stack(diagonals).float().cpu()
