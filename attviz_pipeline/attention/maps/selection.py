"""Which documents get token-to-token maps: those named, then mistakes, then the least certain, then a sample."""

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
    """The choice, by rows of the document index."""

    reasons: dict[int, str]
    """Why each chosen row was chosen, in the order of choice."""
    left_out: dict[str, dict[str, int]]
    """How many misclassified and right documents were left out, by the setting that kept them out."""


def select_documents(index: pa.Table, n_bytes: Sequence[int], settings: MapsSettings, seed: int) -> Selection:
    """Choose documents until their number or their bytes are spent; one that does not fit any more is skipped.

    1. The documents named in the settings, whatever they weigh.
    2. The misclassified ones, least confidence in the gold class first.
    3. Of the others those with the least confidence, for a third of what remains.
    4. A seeded sample: every gold class and length (short, middle, long) in turn.

    Args:
        index: Columns `COLUMNS` of the document index, sorted by position; how it was sharded does not matter.
        n_bytes: What the maps of each document weigh.
        settings: Names, number and bytes.
        seed: Seed of the sample.

    Raises:
        ConfigError: Documents are named that do not exist; all of them are listed.
    """
    ids = index["id"].to_pylist()
    wrong = index["label"].to_numpy() != index["prediction"].to_numpy()
    least_certain = np.argsort(_confidence_in_gold(index), kind="stable").tolist()
    right = [row for row in least_certain if not wrong[row]]
    basket = _Basket(n_bytes, settings)
    basket.put(_named_rows(ids, settings.documents))
    basket.fill([row for row in least_certain if wrong[row]], "misclassified")
    basket.fill(right, "low_confidence", one_in=3)
    basket.fill(_in_turn([row for row in right if row not in basket.reasons], index, seed), "sample")
    return Selection(basket.reasons, basket.count_left_out(wrong))


class _Basket:
    """What is chosen so far, what may still be, and why the rest is not."""

    def __init__(self, n_bytes: Sequence[int], settings: MapsSettings) -> None:
        self._n_bytes = n_bytes
        self._documents_left = settings.max_documents
        self._bytes_left = budget(settings)
        self.reasons: dict[int, str] = {}
        self._refusals: dict[int, str] = {}

    def put(self, rows: Iterable[int]) -> None:
        """Take rows whatever they weigh; they do not count as automatically chosen."""
        for row in rows:
            self.reasons[row] = "named"
            self._bytes_left -= self._n_bytes[row]

    def fill(self, rows: Iterable[int], reason: str, one_in: int = 1) -> None:
        """Take of the rows, in order, what fits into so small a part of what is left."""
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
        # A search among all ids takes long; of more than are listed nobody sees the result.
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
    """Return how many bytes all maps together may take."""
    return round(settings.max_megabytes * 1e6)


def _confidence_in_gold(index: pa.Table) -> NDArray[np.float32]:
    probabilities = index["probabilities"].combine_chunks().flatten().to_numpy().reshape(index.num_rows, -1)
    found: NDArray[np.float32] = probabilities[np.arange(index.num_rows), index["label"].to_numpy()]
    return found


def _in_turn(rows: Iterable[int], index: pa.Table, seed: int) -> list[int]:
    ranks = [seeded_rank(seed, name.encode()) for name in index["id"].to_pylist()]
    strata = list(zip(index["label"].to_pylist(), length_thirds(index["n_tokens"].to_numpy()), strict=True))
    return round_robin(rows, strata, ranks)
