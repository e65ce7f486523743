"""Find tokens without offsets in their text, and restore the text of joined tokens."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

SPECIAL = frozenset(
    {"[CLS]", "[SEP]", "[PAD]", "[BOS]", "[EOS]", "<s>", "</s>", "<pad>", "<cls>", "<sep>", "<bos>", "<eos>"}
)
PIECE = "##"
MARKS = (PIECE, "▁", "Ġ")
MOST_SKIPPED = 40


class Places(NamedTuple):
    """First character of each token, the one after it, whether it is special, [token]; and the number not found."""

    starts: list[int]
    ends: list[int]
    special: list[bool]
    n_absent: int


def join_pieces(text: str, tokens: Sequence[str]) -> tuple[str, int]:
    """Remove the spaces and marks (`##`) before pieces of words in a text that is its tokens joined by spaces.

    Returns:
        The text, and the number of joined pieces. Any other text is returned unchanged, with 0.
    """
    pieces = [index > 0 and _bare(token, PIECE) != token for index, token in enumerate(tokens)]
    if not any(pieces) or text != " ".join(tokens):
        return text, 0
    words = (_bare(token, PIECE) if piece else f" {token}" for token, piece in zip(tokens, pieces, strict=True))
    return "".join(words).removeprefix(" "), sum(pieces)


def place_tokens(text: str, tokens: Sequence[str]) -> Places:
    """Find tokens in a text, in order.

    Each token is searched unchanged and in lower case, then without the mark of pieces of words. It must begin within
    `MOST_SKIPPED` characters after the previous token, so that one token that is not in the text does not move all
    others to the end; the limit grows with every consecutive token that is not found. Special tokens and tokens that
    are not in the text cover no characters.
    """
    places = Places([], [], [], 0)
    lower, cursor, n_missed, n_absent = _lower(text), 0, 0, 0
    for token in tokens:
        is_special = token in SPECIAL
        start, end = _find(text, lower, token, cursor, MOST_SKIPPED * (1 + n_missed))
        found = start >= 0
        n_missed = 0 if found or is_special else n_missed + 1
        n_absent += not found and not is_special
        cursor = end if found else cursor
        places.starts.append(start if found and not is_special else cursor)
        places.ends.append(cursor)
        places.special.append(is_special)
    return places._replace(n_absent=n_absent)


def _find(text: str, lower: str, token: str, cursor: int, reach: int) -> tuple[int, int]:
    for place, spelling in _spellings(text, lower, token):
        start = place.find(spelling, cursor, cursor + reach + len(spelling))
        if start >= 0:
            return start, start + len(spelling)
    return -1, cursor


def _spellings(text: str, lower: str, token: str) -> Iterator[tuple[str, str]]:
    bare = next((bare for mark in MARKS if (bare := _bare(token, mark)) != token), token)
    for spelling in dict.fromkeys((token, bare)):
        if spelling:
            yield text, spelling
            yield lower, _lower(spelling)


def _bare(token: str, mark: str) -> str:
    # A token that consists of the mark alone is kept.
    return token.removeprefix(mark) or token


def _lower(text: str) -> str:
    # A few characters become longer in lower case, which would shift all later places: they are not changed.
    return "".join(low if len(low := character.lower()) == 1 else character for character in text)
