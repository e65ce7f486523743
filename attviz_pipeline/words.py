"""Words: which tokens form a word, which are punctuation, and how values of tokens merge into values of words.

Word boundaries in the text follow Unicode's rules, and offsets map tokens to words. The marks that tokenizers put on
pieces (`##`, `Ġ`, `▁`) are ignored, so a text has the same words with every tokenizer.

Source: Unicode Standard Annex 29, section 4 (default word boundaries).
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import regex

NO_WORD = -1
"""Index of tokens outside words: special tokens, and tokens that cover nothing or only white space."""

BOUNDARY = regex.compile(r"\b", regex.WORD)
BLANK = re.compile(r"\s+")

Indices = npt.NDArray[np.int64]
Merge = Literal["mean", "max", "first", "sum"]


def word_of_each_token(text: str, starts: Sequence[int], ends: Sequence[int], special: Sequence[bool]) -> list[int]:
    """Return the index of the word that each token belongs to, counted from 0 in text order.

    White space at a token's ends is ignored. A token that covers several words merges them into one.

    Args:
        text: The text.
        starts: First character of each token, in code points, [token].
        ends: Character after each token, [token].
        special: True for tokens that stand for no text, [token].

    Returns:
        [token]; every index from 0 up to the highest occurs; `NO_WORD` for tokens outside words.
    """
    first, stop = _trim(text, np.asarray(starts, dtype=np.int64), np.asarray(ends, dtype=np.int64))
    pieces = np.flatnonzero((first < stop) & ~np.asarray(special, dtype=bool))
    # Each interval between two boundaries is one word by Unicode; a token covers one or more of them.
    boundaries = np.fromiter((match.start() for match in BOUNDARY.finditer(text)), dtype=np.int64)
    reaches = [np.searchsorted(boundaries, edge[pieces], side="right") for edge in (first, stop - 1)]
    words = np.full(len(starts), NO_WORD)
    words[pieces] = _number_disjoint(*reaches)
    return words.tolist()


@lru_cache(maxsize=2**16)
def is_punctuation(text: str) -> bool:
    """Whether a text consists of punctuation (Unicode categories P*) and white space only."""
    characters = "".join(text.split())
    return bool(characters) and all(unicodedata.category(character)[0] == "P" for character in characters)


def merge_by_word(values: npt.ArrayLike, words: npt.ArrayLike, how: Merge) -> npt.NDArray[Any]:
    """Merge values of tokens into values of words; tokens outside words are dropped.

    Args:
        values: Real values, [..., token].
        words: Index of the word of each token, as `word_of_each_token` returns it, [token].
        how: Mean, maximum or sum over a word's tokens, or the value of its first token.

    Returns:
        [..., word], of the type of `values`, means in double precision; zero words where there are none.
    """
    values, words = np.asarray(values), np.asarray(words, dtype=np.intp)
    tokens = np.argsort(words, kind="stable")[np.count_nonzero(words == NO_WORD) :]
    firsts = np.flatnonzero(np.diff(words[tokens], prepend=NO_WORD))
    if how == "first":
        return values[..., tokens[firsts]]
    merged: npt.NDArray[Any] = (np.maximum if how == "max" else np.add).reduceat(values[..., tokens], firsts, axis=-1)
    return merged / np.bincount(words[tokens]) if how == "mean" else merged


def _trim(text: str, starts: Indices, ends: Indices) -> tuple[Indices, Indices]:
    """Move starts and ends out of the white space that they lie in."""
    blanks = np.array([match.span() for match in BLANK.finditer(text)], dtype=np.int64).reshape(-1, 2).T
    if not blanks.size:
        return starts, ends
    begins, stops = blanks
    # The last blank at or before a start, and the last one that begins before an end; index 0 also means none.
    before_start = np.maximum(np.searchsorted(begins, starts, side="right") - 1, 0)
    before_end = np.maximum(np.searchsorted(begins, ends, side="left") - 1, 0)
    starts_in = (begins[before_start] <= starts) & (starts < stops[before_start])
    ends_in = (begins[before_end] < ends) & (ends <= stops[before_end])
    return np.where(starts_in, stops[before_start], starts), np.where(ends_in, begins[before_end], ends)


def _number_disjoint(first: Indices, last: Indices) -> Indices:
    """Number intervals from 0 in order; overlapping intervals share a number."""
    order = np.lexsort((last, first))
    furthest = np.maximum.accumulate(last[order])
    numbers = np.empty_like(order)
    numbers[order] = np.cumsum(first[order] > np.concatenate(([0], furthest))[:-1]) - 1
    return numbers
