"""Cutting texts into model inputs, and saying which window answers for which token."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, takewhile

from tokenizers import Encoding
from transformers import PreTrainedTokenizerBase

from attviz_pipeline.config import AttentionSettings
from attviz_pipeline.errors import AttentionError


@dataclass(frozen=True)
class Window:
    """One model input, and the part of it that the document keeps.

    Of the tokens two windows share, each window keeps the half nearer its own middle, where both sides give context.
    """

    document: int
    token_ids: list[int]
    type_ids: list[int]
    first: int
    stop: int

    @property
    def n_tokens(self) -> int:
        """Number of tokens the model sees."""
        return len(self.token_ids)


@dataclass(frozen=True)
class EncodedDocument:
    """The tokens of one document, each once, and the windows they were read from."""

    tokens: list[str]
    token_ids: list[int]
    starts: list[int]
    ends: list[int]
    special: list[bool]
    windows: list[Window]
    truncated: bool


class DocumentEncoder:
    """Tokenise documents and cut those over the model's limit."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, settings: AttentionSettings, max_tokens: int) -> None:
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens
        self._keep_overflow = settings.long_texts == "window"
        self._overlap = settings.window_overlap if self._keep_overflow else 0
        room = max_tokens - tokenizer.num_special_tokens_to_add()
        if self._overlap >= room:
            raise AttentionError(
                f"attention.window_overlap ({self._overlap}) must be smaller than the {room} tokens of text that fit "
                f"into model.max_tokens ({max_tokens}): lower the one or raise the other."
            )

    def encode(self, texts: Sequence[str]) -> list[EncodedDocument]:
        """Tokenise texts; offsets count code points of the unchanged text."""
        batch = self._tokenizer(
            list(texts),
            truncation=True,
            max_length=self._max_tokens,
            stride=self._overlap,
            padding=False,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
        )
        sources = batch["overflow_to_sample_mapping"]
        by_document = groupby(zip(sources, batch.encodings, strict=True), key=lambda pair: pair[0])
        return [self._document(index, [encoding for _, encoding in group]) for index, group in by_document]

    def _document(self, index: int, encodings: list[Encoding]) -> EncodedDocument:
        truncated = len(encodings) > 1 and not self._keep_overflow
        encodings = encodings[:1] if truncated else encodings
        windows = [
            Window(index, encoding.ids, encoding.type_ids, *self._kept(encoding, rank, len(encodings)))
            for rank, encoding in enumerate(encodings)
        ]
        kept = [
            (encoding, slice(window.first, window.stop)) for encoding, window in zip(encodings, windows, strict=True)
        ]
        special = [bool(flag) for encoding, part in kept for flag in encoding.special_tokens_mask[part]]
        offsets = [offset for encoding, part in kept for offset in encoding.offsets[part]]
        return EncodedDocument(
            tokens=[token for encoding, part in kept for token in encoding.tokens[part]],
            token_ids=[token_id for encoding, part in kept for token_id in encoding.ids[part]],
            starts=[start for start, _ in offsets],
            ends=[end for _, end in offsets],
            special=special,
            windows=windows,
            truncated=truncated,
        )

    def _kept(self, encoding: Encoding, rank: int, n_windows: int) -> tuple[int, int]:
        mask = encoding.special_tokens_mask
        n_leading = sum(1 for _ in takewhile(bool, mask))
        n_trailing = sum(1 for _ in takewhile(bool, reversed(mask)))
        first = 0 if rank == 0 else n_leading + self._overlap // 2
        last = rank == n_windows - 1
        return first, len(mask) if last else len(mask) - n_trailing - (self._overlap - self._overlap // 2)
