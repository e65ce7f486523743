"""Running a classifier so that it hands out self-attention instead of whole attention matrices."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.masking_utils import eager_mask

from attviz_pipeline.attention.windows import Window
from attviz_pipeline.errors import AttentionError

IMPLEMENTATION = "attviz_self_attention"


def self_attention_forward(
    _module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **_ignored: object,
) -> tuple[Tensor, Tensor]:
    """Attend, and return the diagonal in the place where transformers expects the attention matrix.

    The model then collects one diagonal per layer as its `attentions`, and no layer's matrix outlives the layer.

    Args:
        _module: The layer's attention module, of no interest here.
        query: [document, head, query, size].
        key: [document, key head, key, size]; fewer key heads than heads where the model shares them.
        value: As `key`.
        attention_mask: Added to the scores, [document, 1 or head, query, key], or None.
        scaling: Factor of the scores; 1 / sqrt(size) if None.

    Returns:
        Output [document, query, head, size], and self-attention [document, head, token], 0..1.

    Source: Vaswani et al. 2017, eq. 1; the diagonal as in Škrlj et al., section 3.
    """
    n_shared = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(n_shared, dim=1), value.repeat_interleave(n_shared, dim=1)
    scores = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scaling is None else scaling)
    if attention_mask is not None:
        scores = scores + attention_mask
    attention = scores.softmax(dim=-1)
    output = (attention @ value).transpose(1, 2).contiguous()
    return output, attention.diagonal(dim1=-2, dim2=-1).contiguous()


class Reading(NamedTuple):
    """What a classifier says about one window."""

    logits: Tensor
    """[output], float32."""
    self_attention: Tensor
    """[layer, head, token], float32, 0..1."""


class AttentionReader:
    """A classifier from which batches of windows are read."""

    def __init__(self, model: PreTrainedModel, *, pad_token_id: int | None, left_padded: bool, typed: bool) -> None:
        AttentionInterface.register(IMPLEMENTATION, self_attention_forward)
        AttentionMaskInterface.register(IMPLEMENTATION, eager_mask)
        model.set_attn_implementation(IMPLEMENTATION)
        model.train(mode=False)
        self._model = model
        self._pad_token_id = 0 if pad_token_id is None else pad_token_id
        self._left_padded = left_padded
        self._typed = typed

    def read(self, windows: Sequence[Window]) -> list[Reading]:
        """Run one batch; padding is masked and cut off again.

        Raises:
            AttentionError: The model returned no attention, or values that are no numbers.
        """
        longest = max(window.n_tokens for window in windows)
        with torch.inference_mode():
            output = self._model(**self._inputs(windows, longest), output_attentions=True, return_dict=True)
            attention = self._stack(getattr(output, "attentions", None))
            logits = output.logits.float().cpu()
        if not (torch.isfinite(logits).all() and torch.isfinite(attention).all()):
            raise AttentionError(
                "the model returned NaN or infinite values: its weights are damaged or overflow in this precision."
            )
        places = [self._place(window, longest) for window in windows]
        return [Reading(logits[row], attention[:, row, :, place]) for row, place in enumerate(places)]

    def _inputs(self, windows: Sequence[Window], longest: int) -> dict[str, Tensor]:
        shape = (len(windows), longest)
        token_ids = torch.full(shape, self._pad_token_id)
        mask, type_ids = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
        for row, window in enumerate(windows):
            place = self._place(window, longest)
            token_ids[row, place] = torch.tensor(window.token_ids)
            type_ids[row, place] = torch.tensor(window.type_ids)
            mask[row, place] = 1
        inputs = {"input_ids": token_ids, "attention_mask": mask} | (
            {"token_type_ids": type_ids} if self._typed else {}
        )
        return {name: tensor.to(self._model.device) for name, tensor in inputs.items()}

    def _place(self, window: Window, longest: int) -> slice:
        return slice(longest - window.n_tokens, longest) if self._left_padded else slice(0, window.n_tokens)

    def _stack(self, layers: Sequence[Tensor] | None) -> Tensor:
        """Bring what the model collected into the shape [layer, document, head, token]."""
        if not layers or any(layer is None for layer in layers):
            raise AttentionError(
                f"{type(self._model).__name__} returns no attention: it has none, or hides it. "
                "Use a model whose layers attend from token to token, such as BERT, RoBERTa or XLNet."
            )
        # Architectures that do not go through the attention interface hand out whole matrices.
        matrix_axes = 4
        diagonals = [a.diagonal(dim1=-2, dim2=-1) if a.dim() == matrix_axes else a for a in layers]
        return torch.stack(diagonals).float().cpu()
