"""Select documents for token-to-token maps: named, then misclassified, then least confident, then a sample."""

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attviz_pipeline.config.settings import MapsSettings
from attviz_pipeline.errors import MAX_LISTED, ConfigError, Problem
from attviz_pipeline.strata import length_thirds, round_robin, seeded_rank

COLUMNS = ["position", "id", "label", "prediction", "probabilities", "n_tokens", "n_windows"]


class Selection(NamedTuple):
    """The selected documents, by rows of the document index."""

    reasons: dict[int, str]
    """Reason for each selected row, in the order of selection."""
    left_out: dict[str, dict[str, int]]
    """Numbers of misclassified and correctly classified documents that were left out, by the limiting setting."""


def select_documents(index: pa.Table, n_bytes: Sequence[int], settings: MapsSettings, seed: int) -> Selection:
    """Select documents within the limits of number and bytes; documents that are too large are skipped.

    1. The documents named in the settings, whatever their size.
    2. Misclassified documents, in ascending order of the confidence in the gold class.
    3. Correctly classified documents with the least confidence, for a third of the remaining limits.
    4. A seeded sample: gold classes and lengths (short, middle, long) in turn.

    Args:
        index: Columns `COLUMNS` of the document index, sorted by position.
        n_bytes: Size of each document's maps, [document].
        settings: Named documents and limits.
        seed: Seed of the sample.

    Raises:
        ConfigError: Named documents do not exist; all of them are listed.
    """
    ids = index["id"].to_pylist()
    wrong = index["label"].to_numpy() != index["prediction"].to_numpy()
    least_certain = np.argsort(_confidence_in_gold(index), kind="stable").tolist()
    right = [row for row in least_certain if not wrong[row]]
    selector = _Selector(n_bytes, settings)
    selector.add_named(_named_rows(ids, settings.documents))
    selector.fill([row for row in least_certain if wrong[row]], "misclassified")
    selector.fill(right, "low_confidence", one_in=3)
    selector.fill(_sampled([row for row in right if row not in selector.reasons], index, seed), "sample")
    return Selection(selector.reasons, selector.count_left_out(wrong))


class _Selector:
    """Selected rows with their reasons, the remaining limits, and the limit that excluded other rows."""

    def __init__(self, n_bytes: Sequence[int], settings: MapsSettings) -> None:
        self._n_bytes = n_bytes
        self._documents_left = settings.max_documents
        self._bytes_left = budget(settings)
        self.reasons: dict[int, str] = {}
        self._refusals: dict[int, str] = {}

    def add_named(self, rows: Iterable[int]) -> None:
        """Select rows whatever their size; they do not count towards the number of documents."""
        for row in rows:
            self.reasons[row] = "named"
            self._bytes_left -= self._n_bytes[row]

    def fill(self, rows: Iterable[int], reason: str, one_in: int = 1) -> None:
        """Select rows, in order, that fit into 1 / `one_in` of the remaining limits."""
        fewest_documents = self._documents_left - -(-self._documents_left // one_in)
        fewest_bytes = self._bytes_left - self._bytes_left // one_in
        for row in rows:
            if row in self.reasons:
                continue
            if self._documents_left <= fewest_documents:
                self._refusals[row] = "max_documents"
            elif self._bytes_left - self._n_bytes[row] < fewest_bytes:
                self._refusals[row] = "max_megabytes"
            else:
                self.reasons[row] = reason
                self._documents_left -= 1
                self._bytes_left -= self._n_bytes[row]

    def count_left_out(self, wrong: NDArray[np.bool_]) -> dict[str, dict[str, int]]:
        counts = Counter((bool(wrong[row]), why) for row, why in self._refusals.items() if row not in self.reasons)
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


def _confidence_in_gold(index: pa.Table) -> NDArray[np.float32]:
    probabilities = index["probabilities"].combine_chunks().flatten().to_numpy().reshape(index.num_rows, -1)
    found: NDArray[np.float32] = probabilities[np.arange(index.num_rows), index["label"].to_numpy()]
    return found


def _sampled(rows: Iterable[int], index: pa.Table, seed: int) -> list[int]:
    ranks = [seeded_rank(seed, name.encode()) for name in index["id"].to_pylist()]
    strata = list(zip(index["label"].to_pylist(), length_thirds(index["n_tokens"].to_numpy()), strict=True))
    return round_robin(rows, strata, ranks)
