"""Documents without some of their tokens, and what the classifier makes of them."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from attviz_pipeline.attention.windows import Window
from attviz_pipeline.config.settings import Removal
from attviz_pipeline.evidence.classifier import GatedClassifier
from attviz_pipeline.evidence.sample import SampledDocument
from attviz_pipeline.evidence.target import outputs_of

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]


class Remover(NamedTuple):
    """How tokens are removed."""

    how: Removal
    """As the setting, but `delete` instead of `mask` where the tokenizer has no mask token."""
    mask_token_id: int | None
    """Index of the mask token."""

    @classmethod
    def of(cls, wanted: Removal, tokenizer: PreTrainedTokenizerBase) -> "Remover":
        """Choose a way that the tokenizer has."""
        if wanted == "mask" and tokenizer.mask_token_id is None:
            logger.warning("the tokenizer has no mask token: tokens are deleted instead (evidence.removal: delete)")
            return cls("delete", None)
        return cls(wanted, tokenizer.mask_token_id)

    def without(self, window: Window, places: Sequence[int]) -> Window:
        """Remove the tokens at some places of a window; if no token would be left, the first one stays."""
        removed = set(places)
        if self.mask_token_id is not None and self.how == "mask":
            ids = [self.mask_token_id if place in removed else token for place, token in enumerate(window.token_ids)]
            return replace(window, token_ids=ids)
        if len(removed) == window.n_tokens:
            removed.discard(0)
        if self.how == "hide":
            return replace(window, hidden=sorted(removed))
        kept = [place for place in range(window.n_tokens) if place not in removed]
        return replace(
            window,
            token_ids=[window.token_ids[place] for place in kept],
            type_ids=[window.type_ids[place] for place in kept],
        )


class Variants:
    """One document without different sets of its tokens.

    Args:
        document: The document.
        removals: Tokens to remove, places in the document, [variant]; special tokens are never among them.
        remover: How they are removed.
    """

    def __init__(self, document: SampledDocument, removals: Sequence[Sequence[int]], remover: Remover) -> None:
        self._document = document
        self._changed: list[Mapping[int, Window]] = []
        where = [document.token_places(number) for number in range(len(document.windows))]
        for tokens in removals:
            hits = [np.flatnonzero(np.isin(places, tokens)).tolist() for places in where]
            self._changed.append(
                {number: remover.without(document.windows[number], hit) for number, hit in enumerate(hits) if hit}
            )

    @property
    def n_passes(self) -> int:
        """Number of model inputs, without those of the whole document: only windows with a removed token are read."""
        return sum(map(len, self._changed))

    def read(self, classifier: GatedClassifier, advance: Callable[[int], None]) -> tuple[Floats, Floats]:
        """Return activated outputs of the whole document, [output], and of each variant, [variant, output].

        Args:
            classifier: The classifier.
            advance: Called with numbers of finished passes.
        """
        whole = classifier.read(self._document.windows)
        places = [(variant, number) for variant, changed in enumerate(self._changed) for number in changed]
        windows = [self._changed[variant][number] for variant, number in places]

        def run(batch: Sequence[int]) -> Tensor:
            with torch.inference_mode():
                logits = classifier.forward([windows[index] for index in batch]).cpu()
            advance(len(batch))
            return logits

        logits = whole.expand(len(self._changed), *whole.shape).clone()
        for (variant, number), found in zip(places, classifier.in_batches(windows, run), strict=True):
            logits[variant, number] = found
        return outputs_of(whole, self._document.task), outputs_of(logits, self._document.task)
