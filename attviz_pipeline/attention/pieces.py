"""Slow tokenizers, which give no character offsets: the text is replaced by the joined text of their tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

from transformers import PreTrainedTokenizer

from attviz_pipeline.model_inputs import tokenize_text
from attviz_pipeline.token_texts import Spelling

FIRST, SECOND = -1, -2  # placeholders for tokens of the two texts among special tokens; no vocabulary has such indices


class Piece(NamedTuple):
    """One token, and its characters in the joined text of all tokens."""

    token_id: int
    token: str
    start: int
    end: int


@dataclass(frozen=True)
class PieceSequence:
    """One model input with special tokens; the attributes are named as in `tokenizers.Encoding`."""

    ids: list[int]
    tokens: list[str]
    type_ids: list[int]
    special_tokens_mask: list[int]
    offsets: list[tuple[int, int]]
    sequence_ids: list[int | None]


def join_pieces(tokenizer: PreTrainedTokenizer, spelling: Spelling, text: str) -> tuple[str, list[Piece]]:
    """Tokenise a text; return the joined text of the tokens, and each token with its place in it."""
    surfaces = tokenize_text(tokenizer, text)
    token_ids = cast(list[int], tokenizer.convert_tokens_to_ids(surfaces))
    entries = tokenizer.convert_ids_to_tokens(token_ids)
    spelt, spans = spelling.join(surfaces)
    found = zip(token_ids, map(_writable, entries), spans, strict=True)
    return _writable(spelt), [Piece(token_id, entry, *span) for token_id, entry, span in found]


def piece_windows(
    tokenizer: PreTrainedTokenizer, pieces: Sequence[Piece], max_tokens: int, overlap: int
) -> Iterator[PieceSequence]:
    """Yield the model inputs of one text, with the windows of fast tokenizers: neighbours share `overlap` tokens."""
    room = max_tokens - tokenizer.num_special_tokens_to_add()
    for start in range(0, max(1, len(pieces) - overlap), room - overlap):
        yield add_special_pieces(tokenizer, pieces[start : start + room])


def cut_pair(
    tokenizer: PreTrainedTokenizer, first: Sequence[Piece], second: Sequence[Piece], max_tokens: int
) -> tuple[PieceSequence, bool]:
    """Return the model input of two texts, and whether it was truncated; the longer text is truncated first."""
    n_over = len(first) + len(second) + tokenizer.num_special_tokens_to_add(pair=True) - max_tokens
    # The library's own function, so that extraction and scoring read the same tokens.
    places = list(range(len(first))), list(range(len(second)))
    kept_first, kept_second, _ = tokenizer.truncate_sequences(*places, n_over, "longest_first")
    return add_special_pieces(tokenizer, first[: len(kept_first)], second[: len(kept_second)]), n_over > 0


def add_special_pieces(
    tokenizer: PreTrainedTokenizer, first: Sequence[Piece], second: Sequence[Piece] | None = None
) -> PieceSequence:
    """Add the tokenizer's special tokens to the tokens of one or two texts."""
    marks = [FIRST] * len(first), None if second is None else [SECOND] * len(second)
    layout = tokenizer.build_inputs_with_special_tokens(*marks)
    sources = {FIRST: iter(first), SECOND: iter(second or ())}
    pieces = [
        next(sources[mark]) if mark in sources else Piece(mark, tokenizer.convert_ids_to_tokens(mark), 0, 0)
        for mark in layout
    ]
    return PieceSequence(
        ids=[piece.token_id for piece in pieces],
        tokens=[piece.token for piece in pieces],
        type_ids=tokenizer.create_token_type_ids_from_sequences(*marks),
        special_tokens_mask=[int(mark not in sources) for mark in layout],
        offsets=[(piece.start, piece.end) for piece in pieces],
        sequence_ids=[{FIRST: 0, SECOND: 1}.get(mark) for mark in layout],
    )


def _writable(text: str) -> str:
    # A vocabulary in JSON may contain lone surrogates, which UTF-8 cannot encode.
    return text.encode(errors="replace").decode()
