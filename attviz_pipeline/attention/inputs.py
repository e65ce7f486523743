"""Windows as padded inputs of a model."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from attviz_pipeline.attention.background import to_device
from attviz_pipeline.attention.windows import Window


class ModelInputs(NamedTuple):
    """How the windows of a batch become the inputs of a model."""

    pad_token_id: int
    """Index of the padding token."""
    left_padded: bool
    """Whether padding comes first."""
    typed: bool
    """Whether the model gets `token_type_ids`."""

    def place(self, window: Window, longest: int) -> slice:
        """Return where a window's tokens are in a batch whose longest window has `longest` tokens."""
        return slice(longest - window.n_tokens, longest) if self.left_padded else slice(0, window.n_tokens)

    def tensors(self, windows: Sequence[Window], device: torch.device) -> dict[str, Tensor]:
        """Return the model's inputs, padded to the longest window; padding and hidden tokens are masked."""
        longest = max(window.n_tokens for window in windows)
        shape = (len(windows), longest)
        token_ids = torch.full(shape, self.pad_token_id)
        mask, type_ids = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
        for row, window in enumerate(windows):
            place = self.place(window, longest)
            token_ids[row, place] = torch.tensor(window.token_ids)
            type_ids[row, place] = torch.tensor(window.type_ids)
            mask[row, place] = 1
            mask[row, [place.start + token for token in window.hidden]] = 0
        inputs = {"input_ids": token_ids}
        if self.typed:
            inputs["token_type_ids"] = type_ids
        # Without padding no mask is needed, and attention without a mask is faster.
        if any(window.n_tokens < longest or window.hidden for window in windows):
            inputs["attention_mask"] = mask
        return {name: to_device(tensor, device) for name, tensor in inputs.items()}
