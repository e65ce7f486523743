"""Texts as token ids, and batches of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from tokenizers import Encoding
from torch import Tensor
from torch.utils.data import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from attviz_pipeline.model_inputs import (
    encode_texts,
    padding_id,
    pads_left,
    split_pairs,
    takes_type_ids,
    tokenize_text,
)
from attviz_pipeline.unread import Unread

TEXTS_PER_CALL = 1000


@dataclass(frozen=True)
class Encoded(Dataset[dict[str, Any]]):
    """The texts of one split as token ids.

    Attributes:
        token_ids: One int32 array per text, [token], special tokens included.
        type_ids: One int8 array per text, [token]: which of two texts a token belongs to, as its model counts them.
        labels: Gold classes, indices into the dataset's label names, [text].
        n_truncated: Texts whose end was cut off.
        unread: Unknown and control tokens among them.
    """

    token_ids: list[np.ndarray[Any, Any]]
    type_ids: list[np.ndarray[Any, Any]]
    labels: list[int]
    n_truncated: int
    unread: Unread

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
    pair_starts = [None] * len(texts) if pair_starts is None else pair_starts
    unread = Unread.of(tokenizer)
    read = _read_fast if tokenizer.is_fast else _read_slow
    inputs: list[_Input] = []
    for start in range(0, len(texts), TEXTS_PER_CALL):
        chunk = slice(start, start + TEXTS_PER_CALL)
        inputs += read(tokenizer, texts[chunk], pair_starts[chunk], max_tokens, unread)
    token_ids, type_ids, cut = zip(*inputs, strict=True) if inputs else ((), (), ())
    return Encoded(list(token_ids), list(type_ids), list(labels), sum(cut), unread)


class _Input(NamedTuple):
    token_ids: np.ndarray[Any, Any]
    type_ids: np.ndarray[Any, Any]
    cut: bool


def _read_fast(
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    pair_starts: Sequence[int | None],
    max_tokens: int,
    unread: Unread,
) -> Iterator[_Input]:
    batch = encode_texts(
        tokenizer, texts, pair_starts, truncation=True, max_length=max_tokens, return_token_type_ids=True
    )
    firsts, seconds = split_pairs(texts, pair_starts)
    rows = zip(batch.encodings, batch["token_type_ids"], firsts, seconds or firsts, strict=True)
    for encoding, type_ids, *parts in rows:
        unread.count(encoding.ids, encoding.special_tokens_mask, partial(_part_of, encoding, parts))
        yield _input(encoding.ids, type_ids, cut=bool(encoding.overflowing))


def _part_of(encoding: Encoding, parts: Sequence[str], token: int) -> str:
    """Return the characters of one or two texts that a token stands for."""
    return parts[encoding.sequence_ids[token] or 0][slice(*encoding.offsets[token])]


def _read_slow(
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    pair_starts: Sequence[int | None],
    max_tokens: int,
    unread: Unread,
) -> Iterator[_Input]:
    slow: Any = tokenizer
    firsts, seconds = split_pairs(texts, pair_starts)
    for parts in zip(firsts, seconds, strict=True) if seconds else ((first,) for first in firsts):
        pieces = [tokenize_text(slow, part) for part in parts]
        ids: list[list[int]] = [slow.convert_tokens_to_ids(surfaces) for surfaces in pieces]
        for token_ids, surfaces in zip(ids, pieces, strict=True):
            unread.count(token_ids, [False] * len(token_ids), surfaces.__getitem__)
        found = slow.prepare_for_model(
            *ids, truncation=True, max_length=max_tokens, return_token_type_ids=True, verbose=False
        )
        n_tokens = sum(map(len, ids)) + slow.num_special_tokens_to_add(pair=len(ids) > 1)
        yield _input(found["input_ids"], found["token_type_ids"], cut=n_tokens > max_tokens)


def _input(token_ids: Sequence[int], type_ids: Sequence[int], *, cut: bool) -> _Input:
    return _Input(np.asarray(token_ids, dtype=np.int32), np.asarray(type_ids, dtype=np.int8), cut)


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
