"""Where tokens and words occur: a bounded sample of the occurrences of each, drawn while documents stream by."""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.report.rows import DocumentRow
from attviz_pipeline.words import NO_WORD

CONTEXT_CHARACTERS = 36
LONGEST_OCCURRENCE = 60
_WORD_KEYS = 1 << 40


@dataclass(frozen=True, order=True)
class OccurrenceView:
    """One occurrence: its document, its first token, the text around it, and its mean self-attention over all heads."""

    position: int
    token: int
    before: str
    at: str
    after: str
    value: float


class Concordance:
    """Keeps those occurrences of every item whose hashes are smallest: a sample that no order of documents changes."""

    def __init__(
        self, tokens: Mapping[str, int], words: Mapping[str, int], n_kept: int, seed: int, *, lower: bool
    ) -> None:
        """Prepare to collect.

        Args:
            tokens: Number of the item of each vocabulary entry that is wanted.
            words: Number of the item of each word that is wanted.
            n_kept: Occurrences to keep of each item.
            seed: Of the hashes.
            lower: Whether words are in lower case.
        """
        self._tokens, self._words, self._n_kept, self._lower = tokens, words, n_kept, lower
        self._seed = np.uint64(seed)
        n_items = len(tokens) + len(words)
        self._kept: list[list[tuple[int, OccurrenceView]]] = [[] for _ in range(n_items)]
        self._limit = np.full(n_items, np.iinfo(np.uint64).max, np.uint64)

    def add(self, document: DocumentRow) -> None:
        """Count a document in."""
        values = document.aggregates[0]
        items = np.array([self._tokens.get(token, -1) for token in document.tokens], np.int64)
        hashes = _hashes(document.position, np.arange(len(items)), self._seed)
        for token in self._candidates(items, hashes):
            self._keep(items[token], int(hashes[token]), _occurrence(document, token, token, float(values[token])))
        if self._words:
            self._add_words(document, values)

    def occurrences(self, item: int) -> list[OccurrenceView]:
        """The sample of one item, the highest value first."""
        return sorted((found for _, found in self._kept[item]), key=lambda o: (-o.value, o.position, o.token))

    def _add_words(self, document: DocumentRow, values: NDArray[np.float32]) -> None:
        pieces = np.flatnonzero(document.words != NO_WORD)
        if not len(pieces):
            return
        order = pieces[np.argsort(document.words[pieces], kind="stable")]
        starts = np.flatnonzero(np.diff(document.words[order], prepend=NO_WORD))
        firsts, lasts = order[starts], order[np.append(starts[1:], len(order)) - 1]
        means = np.add.reduceat(values[order].astype(np.float64), starts) / np.diff(np.append(starts, len(order)))
        spans = zip(
            document.starts[firsts].tolist(), np.maximum.reduceat(document.ends[order], starts).tolist(), strict=True
        )
        items = np.array([self._words.get(self._spelled(document.text[start:end]), -1) for start, end in spans])
        hashes = _hashes(document.position, firsts + _WORD_KEYS, self._seed)
        for word in self._candidates(items, hashes):
            found = _occurrence(document, int(firsts[word]), int(lasts[word]), float(means[word]))
            self._keep(items[word], int(hashes[word]), found)

    def _spelled(self, word: str) -> str:
        return word.strip().lower() if self._lower else word.strip()

    def _candidates(self, items: NDArray[np.int64], hashes: NDArray[np.uint64]) -> list[int]:
        wanted = np.flatnonzero(items >= 0)
        found: list[int] = wanted[hashes[wanted] < self._limit[items[wanted]]].tolist()
        return found

    def _keep(self, item: int, rank: int, occurrence: OccurrenceView) -> None:
        kept = self._kept[item]
        # The heap's first entry is the largest hash kept.
        if len(kept) < self._n_kept:
            heapq.heappush(kept, (-rank, occurrence))
        else:
            heapq.heappushpop(kept, (-rank, occurrence))
        if len(kept) == self._n_kept:
            self._limit[item] = -kept[0][0]


def _occurrence(document: DocumentRow, first: int, last: int, value: float) -> OccurrenceView:
    text, start, end = document.text, int(document.starts[first]), int(document.ends[last])
    before, after = max(0, start - CONTEXT_CHARACTERS), end + CONTEXT_CHARACTERS
    return OccurrenceView(
        position=document.position,
        token=first,
        before=" ".join((("…" if before else "") + text[before:start]).split("\n")),
        at=text[start : min(end, start + LONGEST_OCCURRENCE)] or document.tokens[first],
        after=" ".join((text[end:after] + ("…" if after < len(text) else "")).split("\n")),
        value=value,
    )


def _hashes(position: int, places: NDArray[np.int64], seed: np.uint64) -> NDArray[np.uint64]:
    """Mix position, place and seed into even bits (the finaliser of SplitMix64; Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        bits = places.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(position + 1) * np.uint64(
            0xD1B54A32D192ED03
        )
        bits ^= seed * np.uint64(0x2545F4914F6CDD1D)
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return bits ^ (bits >> np.uint64(31))
