"""Rewrite a document's text, so that it contains only the replacements of its tokens."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from attviz_pipeline.redaction.forms import unmarked

UNREAD = "•"


class RedactedText(NamedTuple):
    """A rewritten text, and the new offset of each old offset.

    Args:
        text: The new text.
        places: Offset in the new text of every offset in the old text, [character + 1]; offsets within a token are
            mapped to its beginning.
    """

    text: str
    places: list[int]


class Span(NamedTuple):
    """Characters of a text with a common replacement."""

    start: int
    end: int
    shown: str


def redact_text(text: str, spans: Sequence[tuple[int, int]], shown: Sequence[str]) -> RedactedText:
    """Replace the tokens of a text; keep white space, and replace runs of other characters by one bullet.

    Args:
        text: The old text.
        spans: First character of each token and the one after it, in code points, [token]; empty spans are ignored.
        shown: Replacement of each token, [token].
    """
    pieces: list[str] = []
    places: list[int] = []
    length = 0
    for span in _tiled(text, spans, shown):
        places += [length] * (span.end - span.start)
        pieces.append(span.shown)
        length += len(span.shown)
    return RedactedText("".join(pieces), [*places, length])


def _tiled(text: str, spans: Sequence[tuple[int, int]], shown: Sequence[str]) -> list[Span]:
    """Divide the whole text into spans of tokens and spans between tokens."""
    covered = _disjoint([Span(*span, unmarked(form)) for span, form in zip(spans, shown, strict=True)])
    tiles: list[Span] = []
    cursor = 0
    for span in covered:
        tiles += _between(text, cursor, span.start)
        tiles += _token(text, span)
        cursor = span.end
    return tiles + _between(text, cursor, len(text))


def _disjoint(spans: Sequence[Span]) -> list[Span]:
    # Several tokens can share characters (the bytes of an emoji, a ligature): only the first one is shown.
    merged: list[Span] = []
    for span in sorted(span for span in spans if span.start < span.end):
        if merged and span.start < merged[-1].end:
            merged[-1] = merged[-1]._replace(end=max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


def _token(text: str, span: Span) -> list[Span]:
    # Byte-level and SentencePiece tokens can cover the white space before them.
    covered = text[span.start : span.end]
    if not covered.strip():
        return [Span(place, place + 1, text[place]) for place in range(span.start, span.end)]
    first = span.start + len(covered) - len(covered.lstrip())
    last = first + len(covered.strip())
    before = [Span(place, place + 1, text[place]) for place in range(span.start, first)]
    return [*before, Span(first, last, span.shown), *_between(text, last, span.end)]


def _between(text: str, start: int, end: int) -> list[Span]:
    """Divide characters outside tokens into white space, which is kept, and other runs, which are hidden."""
    blank = [text[place].isspace() for place in range(start, end)]
    edges = [start + i for i in range(len(blank)) if i == 0 or blank[i] or blank[i - 1]]
    return [
        Span(first, last, text[first:last] if text[first].isspace() else UNREAD)
        for first, last in pairwise([*edges, end])
        if first < last
    ]
