"""Tokenise texts, divide long texts into windows, and choose the window of each token."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, takewhile
from typing import TypeVar, cast

import numpy as np
from tokenizers import Encoding
from transformers import PreTrainedTokenizer, PreTrainedTokenizerBase

from attviz_pipeline.attention.pieces import PieceSequence, cut_pair, join_pieces, piece_windows
from attviz_pipeline.config.settings import AttentionSettings
from attviz_pipeline.errors import AttentionError
from attviz_pipeline.model_inputs import encode_texts, join_pair, split_pairs
from attviz_pipeline.token_texts import Spelling, token_texts
from attviz_pipeline.unread import Unread
from attviz_pipeline.words import is_punctuation, word_of_each_token

Value = TypeVar("Value")
TokenSequence = Encoding | PieceSequence


@dataclass(frozen=True)
class Window:
    """One model input, and the part of it that the document keeps.

    Each of two overlapping windows keeps the half of the shared tokens that is nearer to its own middle, so that kept
    tokens have context on both sides.

    Attributes:
        document: Index of the document in its block.
        token_ids: Vocabulary indices, [model token].
        type_ids: Token types (first or second text), [model token].
        first: First token that the document keeps.
        stop: Token after the last one that the document keeps.
        special: True for [CLS], [SEP] and the like, [model token].
        punctuation: True for tokens that consist of punctuation, [model token].
        tokens: Vocabulary entries as text, [model token].
        entries: Vocabulary entries as the tokenizer spells them, [model token].
        starts: First character of each token, [model token].
        ends: Character after each token, [model token].
        hidden: Places of tokens that no token may attend to.
    """

    document: int
    token_ids: list[int]
    type_ids: list[int]
    first: int
    stop: int
    special: Sequence[bool] = ()
    punctuation: Sequence[bool] = ()
    tokens: Sequence[str] = ()
    entries: Sequence[str] = ()
    starts: Sequence[int] = ()
    ends: Sequence[int] = ()
    hidden: Sequence[int] = ()

    @property
    def n_tokens(self) -> int:
        """Number of tokens of the model input."""
        return len(self.token_ids)


@dataclass(frozen=True)
class EncodedDocument:
    """The tokens of one document, each once, and its windows; fields as in the schema `attention`."""

    text: str
    pair_start: int | None
    tokens: list[str]
    entries: list[str]
    token_ids: list[int]
    starts: list[int]
    ends: list[int]
    special: list[bool]
    unknown: list[bool]
    punctuation: list[bool]
    words: list[int]
    segments: list[int]
    windows: list[Window]
    truncated: bool

    def part(self, token: int) -> str:
        """Return the characters of a token."""
        return self.text[self.starts[token] : self.ends[token]]


@dataclass(frozen=True)
class TokenisedText:
    """One text or pair as model inputs; offsets are relative to the first or the second text."""

    text: str
    pair_start: int | None
    sequences: Sequence[TokenSequence]
    truncated: bool


class DocumentEncoder:
    """Tokenises documents, and divides or truncates those over the model's limit."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, settings: AttentionSettings, max_tokens: int) -> None:
        tokenizer.truncation_side = "right"  # so that windows are in the order of the text
        self._tokenizer = tokenizer
        self._spelling = Spelling.of(tokenizer)
        self._texts = token_texts(tokenizer)
        self._unread = Unread.of(tokenizer)
        self._max_tokens = max_tokens
        self._keep_overflow = settings.long_texts == "window"
        self._overlap = settings.window_overlap if self._keep_overflow else 0
        room = max_tokens - tokenizer.num_special_tokens_to_add()
        if self._overlap >= room:
            raise AttentionError(
                f"attention.window_overlap ({self._overlap}) must be smaller than the {room} tokens of text that fit "
                f"into model.max_tokens ({max_tokens}): lower the first or raise the second."
            )

    def encode(self, texts: Sequence[str], pair_starts: Sequence[int | None] | None = None) -> list[EncodedDocument]:
        """Tokenise texts; with a fast tokenizer, offsets count code points of the unchanged text.

        Args:
            texts: Texts, or pairs as returned by `join_pair`.
            pair_starts: As in `model_inputs.split_pairs`.

        Raises:
            AttentionError: A pair is longer than a model input and `long_texts` is `window`.
        """
        pair_starts = [None] * len(texts) if pair_starts is None else pair_starts
        tokenise = self._tokenise if self._tokenizer.is_fast else self._tokenise_to_pieces
        return [self._document(index, text) for index, text in enumerate(tokenise(texts, pair_starts))]

    def _tokenise(self, texts: Sequence[str], pair_starts: Sequence[int | None]) -> Iterator[TokenisedText]:
        batch = encode_texts(
            self._tokenizer,
            texts,
            pair_starts,
            truncation=True,
            max_length=self._max_tokens,
            stride=self._overlap,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
        )
        sources = batch["overflow_to_sample_mapping"]
        for index, group in groupby(zip(sources, batch.encodings, strict=True), key=lambda pair: pair[0]):
            encodings = [encoding for _, encoding in group]
            if len(encodings) > 1 and pair_starts[index] is not None:
                self._require_truncation()
            kept = encodings if self._keep_overflow else encodings[:1]
            yield TokenisedText(texts[index], pair_starts[index], kept, truncated=len(kept) < len(encodings))

    def _tokenise_to_pieces(self, texts: Sequence[str], pair_starts: Sequence[int | None]) -> Iterator[TokenisedText]:
        tokenizer = cast(PreTrainedTokenizer, self._tokenizer)
        firsts, seconds = split_pairs(texts, pair_starts)
        for first, second in zip(firsts, [None] * len(firsts) if seconds is None else seconds, strict=True):
            text, pieces = join_pieces(tokenizer, self._spelling, first)
            if second is None:
                windows = list(piece_windows(tokenizer, pieces, self._max_tokens, self._overlap))
                kept = windows if self._keep_overflow else windows[:1]
                yield TokenisedText(text, None, kept, truncated=len(kept) < len(windows))
                continue
            second_text, second_pieces = join_pieces(tokenizer, self._spelling, second)
            sequence, truncated = cut_pair(tokenizer, pieces, second_pieces, self._max_tokens)
            if truncated:
                self._require_truncation()
            yield TokenisedText(*join_pair(text, second_text), [sequence], truncated)

    def _require_truncation(self) -> None:
        if self._keep_overflow:
            raise AttentionError(
                f"a pair of texts is longer than model.max_tokens ({self._max_tokens}), and pairs are not cut into "
                "windows: set attention.long_texts: truncate."
            )

    def _document(self, index: int, tokenised: TokenisedText) -> EncodedDocument:
        sequences = tokenised.sequences
        segments = [_segments(sequence) for sequence in sequences]
        spans = [_spans(*pair, tokenised.pair_start or 0) for pair in zip(sequences, segments, strict=True)]
        windows = [
            Window(
                index,
                sequence.ids,
                sequence.type_ids,
                *self._kept(sequence, rank, len(sequences)),
                special=[segment < 0 for segment in segments[rank]],
                punctuation=[is_punctuation(tokenised.text[start:end]) for start, end in spans[rank]],
                tokens=[self._texts[index] for index in sequence.ids],
                entries=sequence.tokens,
                starts=[start for start, _ in spans[rank]],
                ends=[end for _, end in spans[rank]],
            )
            for rank, sequence in enumerate(sequences)
        ]
        starts = _kept_values(windows, [window.starts for window in windows])
        ends = _kept_values(windows, [window.ends for window in windows])
        special = _kept_values(windows, [window.special for window in windows])
        token_ids = _kept_values(windows, [window.token_ids for window in windows])
        return EncodedDocument(
            text=tokenised.text,
            pair_start=tokenised.pair_start,
            tokens=_kept_values(windows, [window.tokens for window in windows]),
            entries=_kept_values(windows, [window.entries for window in windows]),
            token_ids=token_ids,
            starts=starts,
            ends=ends,
            special=special,
            unknown=(self._unread.unknown(token_ids) & ~np.asarray(special, dtype=bool)).tolist(),
            punctuation=_kept_values(windows, [window.punctuation for window in windows]),
            words=word_of_each_token(tokenised.text, starts, ends, special),
            segments=_kept_values(windows, segments),
            windows=windows,
            truncated=tokenised.truncated,
        )

    def _kept(self, sequence: TokenSequence, rank: int, n_windows: int) -> tuple[int, int]:
        mask = sequence.special_tokens_mask
        n_leading = sum(1 for _ in takewhile(bool, mask))
        n_trailing = sum(1 for _ in takewhile(bool, reversed(mask)))
        first = 0 if rank == 0 else n_leading + self._overlap // 2
        last = rank == n_windows - 1
        return first, len(mask) if last else len(mask) - n_trailing - (self._overlap - self._overlap // 2)


def _segments(sequence: TokenSequence) -> list[int]:
    """Return for each token 0 (first text), 1 (second text) or -1 (special), [model token]."""
    flags = zip(sequence.special_tokens_mask, sequence.sequence_ids, strict=True)
    return [-1 if special else number or 0 for special, number in flags]


def _spans(sequence: TokenSequence, segments: Sequence[int], pair_start: int) -> list[tuple[int, int]]:
    if not pair_start:
        return sequence.offsets
    shifts = [pair_start if segment == 1 else 0 for segment in segments]
    return [(start + shift, end + shift) for (start, end), shift in zip(sequence.offsets, shifts, strict=True)]


def _kept_values(windows: Sequence[Window], values: Sequence[Sequence[Value]]) -> list[Value]:
    parts = zip(windows, values, strict=True)
    return list(chain.from_iterable(part[window.first : window.stop] for window, part in parts))
