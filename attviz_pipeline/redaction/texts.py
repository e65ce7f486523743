"""A document's text, rewritten so that it holds what stands for its tokens and nothing else."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from attviz_pipeline.redaction.forms import unmarked

UNREAD = "•"


class RedactedText(NamedTuple):
    """A rewritten text, and where each character of the old one went.

    Args:
        text: The new text.
        places: Offset in the new text of every offset in the old one, [character + 1]; within a token its beginning.
    """

    text: str
    places: list[int]


class Span(NamedTuple):
    """Characters of a text that are rewritten as one."""

    start: int
    end: int
    shown: str


def redact_text(text: str, spans: Sequence[tuple[int, int]], shown: Sequence[str]) -> RedactedText:
    """Rewrite a text token by token; white space stays, other characters that no token covers become one bullet.

    Args:
        text: The old text.
        spans: First character of each token and the one behind it, code points, [token]; empty ones are left out.
        shown: What stands for each token, [token].
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
    """Cut the whole text into what tokens cover and what they do not."""
    covered = _disjoint([Span(*span, unmarked(form)) for span, form in zip(spans, shown, strict=True)])
    tiles: list[Span] = []
    cursor = 0
    for span in covered:
        tiles += _between(text, cursor, span.start)
        tiles += _token(text, span)
        cursor = span.end
    return tiles + _between(text, cursor, len(text))


def _disjoint(spans: Sequence[Span]) -> list[Span]:
    # Several tokens can share characters (the bytes of an emoji, a ligature): the first one speaks for all.
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
    """Cut what no token covers into white space, kept, and runs of anything else, hidden."""
    blank = [text[place].isspace() for place in range(start, end)]
    edges = [start + i for i in range(len(blank)) if i == 0 or blank[i] or blank[i - 1]]
    return [
        Span(first, last, text[first:last] if text[first].isspace() else UNREAD)
        for first, last in pairwise([*edges, end])
        if first < last
    ]
