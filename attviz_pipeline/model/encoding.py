"""Encode texts as token ids, and collate them to padded batches."""

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
        type_ids: One int8 array per text: token types (first or second text), [token].
        labels: What the loss compares the outputs with, [text]; empty if nothing is learned from the texts.
        n_truncated: Number of truncated texts.
        unread: Counts of unknown and control tokens.
    """

    token_ids: list[np.ndarray[Any, Any]]
    type_ids: list[np.ndarray[Any, Any]]
    labels: list[Any]
    n_truncated: int
    unread: Unread

    def by_length(self) -> "Encoded":
        """Return the texts in the order of their lengths, longest first, so that batches have little padding."""
        order = sorted(range(len(self)), key=lambda index: -len(self.token_ids[index]))
        token_ids, type_ids = ([column[index] for index in order] for column in (self.token_ids, self.type_ids))
        labels = [self.labels[index] for index in order] if self.labels else []
        return Encoded(token_ids, type_ids, labels, self.n_truncated, self.unread)

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.token_ids)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return one text with the keys that transformers expects."""
        text = {"input_ids": self.token_ids[index], "token_type_ids": self.type_ids[index]}
        return text | ({"labels": self.labels[index]} if self.labels else {})


def encode(
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    labels: Sequence[Any],
    max_tokens: int,
    pair_starts: Sequence[int | None] | None = None,
) -> Encoded:
    """Encode texts, or pairs of texts, truncated to `max_tokens` tokens and without padding.

    Args:
        tokenizer: The model's tokenizer.
        texts: Texts, or pairs as returned by `model_inputs.join_pair`.
        labels: What the loss compares the outputs with, [text]; empty if nothing is learned from the texts.
        max_tokens: Length of the longest input, special tokens included; in a pair the longer text is truncated first.
        pair_starts: As in `model_inputs.split_pairs`.
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
    """Return the characters of a token in one or two texts."""
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
    """Collates several texts to one padded batch.

    Attributes:
        padding_id: Index of the padding token.
        typed: Whether the model gets `token_type_ids`.
        left_padded: Whether padding comes first.
    """

    padding_id: int
    typed: bool = False
    left_padded: bool = False

    @classmethod
    def of(cls, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Self:
        """Return the collator for a model."""
        return cls(padding_id(model, tokenizer), takes_type_ids(model, tokenizer), pads_left(model))

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Pad to the longest text.

        Returns:
            `input_ids`, `attention_mask` and, if the model expects them, `token_type_ids`, [text, token]; `labels`,
            [text] or [text, output], if there are any.
        """
        batch = {
            "input_ids": self._pad([example["input_ids"] for example in examples], self.padding_id),
            "attention_mask": self._pad([np.ones(len(example["input_ids"])) for example in examples], 0),
        }
        if self.typed:
            batch["token_type_ids"] = self._pad([example["token_type_ids"] for example in examples], 0)
        labels = [example["labels"] for example in examples if "labels" in example]
        return batch | ({"labels": torch.tensor(labels)} if labels else {})

    def _pad(self, rows: Sequence[np.ndarray[Any, Any]], filling: int) -> Tensor:
        longest = max(len(row) for row in rows)
        padded = np.full((len(rows), longest), filling)
        for place, row in zip(padded, rows, strict=True):
            place[longest - len(row) if self.left_padded else 0 :][: len(row)] = row
        return torch.from_numpy(padded)
