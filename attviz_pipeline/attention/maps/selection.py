"""Select documents for token-to-token maps: named, then the most wrong, then the least confident, then a sample."""

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from attviz_pipeline.artifacts.schema import GOLD_NAMES, PREDICTED_NAMES
from attviz_pipeline.config.settings import MapsSettings
from attviz_pipeline.errors import MAX_LISTED, ConfigError, Problem
from attviz_pipeline.strata import length_thirds, round_robin, seeded_rank
from attviz_pipeline.tasks.task import Task

COLUMNS = ["position", "id", *GOLD_NAMES, *PREDICTED_NAMES, "probabilities", "n_tokens", "n_windows"]


class Sizes(NamedTuple):
    """What maps take in a site, bytes.

    Attributes:
        maps: Of each document, without vectors, [document].
        vectors: Of the query and key vectors of each document, [document].
        n_models: Compared models for which there is room: each has maps as large.
    """

    maps: Sequence[int]
    vectors: Sequence[int]
    n_models: int = 0

    def whole(self, row: int) -> int:
        """Maps of a document in all models, with vectors."""
        return self.maps[row] * (1 + self.n_models) + self.vectors[row]


class Selection(NamedTuple):
    """The selected documents, by rows of the document index."""

    reasons: dict[int, str]
    """Reason for each selected row, in the order of selection."""
    with_vectors: frozenset[int]
    """Selected rows that also have query and key vectors."""
    with_models: frozenset[int]
    """Selected rows of which compared models have maps, too."""
    left_out: dict[str, dict[str, int]]
    """Numbers of misclassified documents and of others that were left out, by the limiting setting."""


def select_documents(index: pa.Table, task: Task[Any], sizes: Sizes, settings: MapsSettings, seed: int) -> Selection:
    """Select documents within the limits of number and bytes; documents that are too large are skipped.

    1. The documents named in the settings, whatever their size.
    2. Misclassified documents (in multi-label classification also partly right ones), in ascending order of the
       confidence in the gold labels.
    3. Other documents with the least confidence, for a third of the remaining limits; in regression, where a
       prediction has no confidence, those with the largest errors.
    4. A seeded sample: gold classes (rarest labels, quantiles of the value) and lengths (short, middle, long) in turn.

    The first `settings.vectors` documents have query and key vectors and maps of the compared models, and are counted
    with them. What is left in the end goes to maps of compared models of the others, in order.

    Args:
        index: Columns `COLUMNS` of the document index, sorted by position.
        task: The study's task.
        sizes: Size of each document's maps.
        settings: Named documents and limits.
        seed: Seed of the sample.

    Raises:
        ConfigError: Named documents do not exist; all of them are listed.
    """
    ids = index["id"].to_pylist()
    rows = index.select([*GOLD_NAMES, *PREDICTED_NAMES, "probabilities"]).to_pylist()
    golds, predicted = [task.gold(row) for row in rows], [task.predicted(row) for row in rows]
    wrong = [task.outcome(*pair) not in {None, "right"} for pair in zip(golds, predicted, strict=True)]
    fits = [task.fit(g, p, row["probabilities"]) for g, p, row in zip(golds, predicted, rows, strict=True)]
    worst_first = sorted(range(len(rows)), key=fits.__getitem__)
    others = [row for row in worst_first if not wrong[row]]
    selector = _Selector(sizes, settings)
    selector.add_named(_named_rows(ids, settings.documents))
    selector.fill([row for row in worst_first if wrong[row]], "misclassified")
    if task.has_confidence:
        selector.fill(others, "low_confidence", one_in=3)
    else:
        selector.fill([row for row in others if golds[row] is not None], "large_error", one_in=3)
    rest = [row for row in others if row not in selector.reasons]
    selector.fill(_sampled(rest, index, task.strata(golds), seed), "sample")
    return selector.selection(wrong)


class _Selector:
    """Selected rows with their reasons, the remaining limits, and the limit that excluded other rows."""

    def __init__(self, sizes: Sizes, settings: MapsSettings) -> None:
        self._sizes, self._n_whole = sizes, settings.vectors
        self._documents_left = len(sizes.maps) if settings.max_documents is None else settings.max_documents
        self._bytes_left = budget(settings)
        self.reasons: dict[int, str] = {}
        self._refusals: dict[int, str] = {}

    def _bytes(self, row: int) -> int:
        """What the next document takes."""
        return self._sizes.whole(row) if len(self.reasons) < self._n_whole else self._sizes.maps[row]

    def add_named(self, rows: Iterable[int]) -> None:
        """Select rows whatever their size; they do not count towards the number of documents."""
        for row in rows:
            self._bytes_left -= self._bytes(row)
            self.reasons[row] = "named"

    def fill(self, rows: Iterable[int], reason: str, one_in: int = 1) -> None:
        """Select rows, in order, that fit into 1 / `one_in` of the remaining limits."""
        fewest_documents = self._documents_left - -(-self._documents_left // one_in)
        fewest_bytes = self._bytes_left - self._bytes_left // one_in
        for row in rows:
            if row in self.reasons:
                continue
            if self._documents_left <= fewest_documents:
                self._refusals[row] = "max_documents"
            elif self._bytes_left - self._bytes(row) < fewest_bytes:
                self._refusals[row] = "max_megabytes"
            else:
                self._bytes_left -= self._bytes(row)
                self.reasons[row] = reason
                self._documents_left -= 1

    def selection(self, wrong: Sequence[bool]) -> Selection:
        """Return what was selected, and give the bytes that are left to compared models."""
        order = list(self.reasons)
        whole, others = order[: self._n_whole], order[self._n_whole :]
        with_models = set(whole)
        for row in others:
            if (n_bytes := self._sizes.n_models * self._sizes.maps[row]) <= self._bytes_left:
                self._bytes_left -= n_bytes
                with_models.add(row)
        return Selection(self.reasons, frozenset(whole), frozenset(with_models), self.count_left_out(wrong))

    def count_left_out(self, wrong: Sequence[bool]) -> dict[str, dict[str, int]]:
        counts = Counter((wrong[row], why) for row, why in self._refusals.items() if row not in self.reasons)
        return {
            name: {setting: counts[outcome, setting] for setting in ("max_documents", "max_megabytes")}
            for name, outcome in (("misclassified", True), ("right", False))
        }


def _named_rows(ids: list[str], wanted: Sequence[str]) -> list[int]:
    rows = {name: row for row, name in enumerate(ids)}
    unknown = [name for name in dict.fromkeys(wanted) if name not in rows]
    if unknown:
        # Searching all ids is slow, so it is done only for the ids that the message lists.
        problems = [
            Problem(repr(name), _near(name, ids) if rank < MAX_LISTED else "") for rank, name in enumerate(unknown)
        ]
        raise ConfigError(
            "maps.documents names ids that do not exist:",
            problems,
            "Only analysed documents have maps: the site's page of documents lists their ids.",
        )
    return [rows[name] for name in dict.fromkeys(wanted)]


def _near(name: str, ids: list[str]) -> str:
    near = difflib.get_close_matches(name, ids, n=3)
    return "is no analysed document" + (f"; did you mean {' or '.join(map(repr, near))}?" if near else "")


def budget(settings: MapsSettings) -> int:
    """Return the maximum size of all maps in bytes."""
    return round(settings.max_megabytes * 1e6)


def _sampled(rows: Iterable[int], index: pa.Table, golds: Sequence[int], seed: int) -> list[int]:
    ranks = [seeded_rank(seed, name.encode()) for name in index["id"].to_pylist()]
    strata = list(zip(golds, length_thirds(index["n_tokens"].to_numpy()), strict=True))
    return round_robin(rows, strata, ranks)
