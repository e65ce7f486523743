"""Texts as token ids, and batches of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from attviz_pipeline.model_inputs import padding_id, pads_left, split_pairs, takes_type_ids

TEXTS_PER_CALL = 1000


@dataclass(frozen=True)
class Encoded(Dataset[dict[str, Any]]):
    """The texts of one split as token ids.

    Attributes:
        token_ids: One int32 array per text, [token], special tokens included.
        type_ids: One int8 array per text, [token]: which of two texts a token belongs to, as its model counts them.
        labels: Gold classes, indices into the dataset's label names, [text].
        n_truncated: Texts whose end was cut off.
    """

    token_ids: list[np.ndarray[Any, Any]]
    type_ids: list[np.ndarray[Any, Any]]
    labels: list[int]
    n_truncated: int

    def __len__(self) -> int:
        """Count the texts."""
        return len(self.token_ids)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return one text under the names that transformers expects."""
        names = ("input_ids", "token_type_ids", "labels")
        return dict(zip(names, (self.token_ids[index], self.type_ids[index], self.labels[index]), strict=True))


def encode(
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    labels: Sequence[int],
    max_tokens: int,
    pair_starts: Sequence[int | None] | None = None,
) -> Encoded:
    """Cut every text, or pair of texts, to at most `max_tokens` tokens; padding is left to the batch.

    Args:
        tokenizer: Of the model.
        texts: Texts, or pairs as `model_inputs.join_pair` makes them.
        labels: Gold classes, [text].
        max_tokens: Longest input, special tokens included; of a pair the longer text is cut first.
        pair_starts: Where the second text of each pair begins.
    """
    token_ids: list[np.ndarray[Any, Any]] = []
    type_ids: list[np.ndarray[Any, Any]] = []
    n_truncated = 0
    pair_starts = [None] * len(texts) if pair_starts is None else pair_starts
    for start in range(0, len(texts), TEXTS_PER_CALL):
        chunk = slice(start, start + TEXTS_PER_CALL)
        inputs = split_pairs(texts[chunk], pair_starts[chunk])
        batch = tokenizer(*inputs, truncation=True, max_length=max_tokens, padding=False, return_token_type_ids=True)
        token_ids += [np.asarray(ids, dtype=np.int32) for ids in batch["input_ids"]]
        type_ids += [np.asarray(ids, dtype=np.int8) for ids in batch["token_type_ids"]]
        if tokenizer.is_fast:
            n_truncated += sum(bool(encoding.overflowing) for encoding in batch.encodings)
        else:
            n_truncated += sum(len(ids) > max_tokens for ids in tokenizer(*inputs, verbose=False)["input_ids"])
    return Encoded(token_ids, type_ids, list(labels), n_truncated)


@dataclass(frozen=True)
class Collator:
    """Make one padded batch of several texts.

    Attributes:
        padding_id: Token id of the padding.
        typed: Whether the model is told which of two texts a token belongs to.
        left_padded: Whether padding comes first.
    """

    padding_id: int
    typed: bool = False
    left_padded: bool = False

    @classmethod
    def of(cls, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Self:
        """Make the batches that a model wants."""
        return cls(padding_id(model, tokenizer), takes_type_ids(model, tokenizer), pads_left(model))

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Pad to the longest text.

        Returns:
            `input_ids`, `attention_mask` and, where the model takes them, `token_type_ids`, [text, token]; `labels`,
            [text].
        """
        batch = {
            "input_ids": self._pad([example["input_ids"] for example in examples], self.padding_id),
            "attention_mask": self._pad([np.ones(len(example["input_ids"])) for example in examples], 0),
        }
        if self.typed:
            batch["token_type_ids"] = self._pad([example["token_type_ids"] for example in examples], 0)
        return batch | {"labels": torch.tensor([example["labels"] for example in examples])}

    def _pad(self, rows: Sequence[np.ndarray[Any, Any]], filling: int) -> Tensor:
        longest = max(len(row) for row in rows)
        padded = np.full((len(rows), longest), filling)
        for place, row in zip(padded, rows, strict=True):
            place[longest - len(row) if self.left_padded else 0 :][: len(row)] = row
        return torch.from_numpy(padded)
