"""Texts as token ids, and batches of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerFast

TEXTS_PER_CALL = 1000


@dataclass(frozen=True)
class Encoded(Dataset[dict[str, Any]]):
    """The texts of one split as token ids.

    Attributes:
        token_ids: One int32 array per text, [token], special tokens included.
        labels: Gold classes, indices into the dataset's label names, [text].
        n_truncated: Texts whose end was cut off.
    """

    token_ids: list[np.ndarray[Any, Any]]
    labels: list[int]
    n_truncated: int

    def __len__(self) -> int:
        """Count the texts."""
        return len(self.token_ids)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return one text under the names that transformers expects."""
        return {"input_ids": self.token_ids[index], "labels": self.labels[index]}


def encode(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], labels: Sequence[int], max_tokens: int) -> Encoded:
    """Cut every text to at most `max_tokens` tokens; padding is left to the batch."""
    token_ids: list[np.ndarray[Any, Any]] = []
    n_truncated = 0
    for start in range(0, len(texts), TEXTS_PER_CALL):
        chunk = list(texts[start : start + TEXTS_PER_CALL])
        batch = tokenizer(chunk, truncation=True, max_length=max_tokens, padding=False)
        token_ids += [np.asarray(ids, dtype=np.int32) for ids in batch["input_ids"]]
        n_truncated += sum(bool(encoding.overflowing) for encoding in batch.encodings)
    return Encoded(token_ids, list(labels), n_truncated)


@dataclass(frozen=True)
class Collator:
    """Make one padded batch of several texts.

    Attributes:
        padding_id: Token id of the padding.
    """

    padding_id: int

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Pad to the longest text: `input_ids` and `attention_mask`, [text, token], and `labels`, [text]."""
        shape = len(examples), max(len(example["input_ids"]) for example in examples)
        input_ids = torch.full(shape, self.padding_id)
        attention_mask = torch.zeros(shape, dtype=torch.long)
        for row, example in enumerate(examples):
            n_tokens = len(example["input_ids"])
            input_ids[row, :n_tokens] = torch.from_numpy(example["input_ids"])
            attention_mask[row, :n_tokens] = 1
        labels = torch.tensor([example["labels"] for example in examples])
        return {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}
