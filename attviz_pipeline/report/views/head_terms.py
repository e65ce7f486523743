"""The terms of each head: those it attends to most with intervals, and a cloud of words sized by attention."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from attviz_pipeline.artifacts import files, statistics_schemas, term_schemas

N_TERMS = 25
N_CLOUD = 80
N_SIZES = 8
_COLUMNS = ["layer", "head", "term", "count", "document_frequency", "mean", "mean_low", "mean_high", "normalised"]
_TOKEN_COLUMNS = ["layer", "head", "token", "special", "count", "document_frequency", "mean", "std", "min", "max"]
HeadKey = tuple[int, int]


@dataclass(frozen=True)
class TermView:
    """One term of a head; places are in percent of a logarithmic axis that all heads share."""

    term: str
    count: int
    document_frequency: int
    mean: float
    mean_low: float | None
    mean_high: float | None
    normalised: float
    place: float
    low_place: float
    high_place: float


@dataclass(frozen=True)
class HeadTokenView:
    """One vocabulary entry of a head."""

    token: str
    count: int
    document_frequency: int
    mean: float
    std: float
    min: float
    max: float


@dataclass(frozen=True)
class CloudWordView:
    """A word in the cloud; `size` runs from 1 to `N_SIZES` with the logarithm of its mean self-attention."""

    word: str
    mean: float
    size: int


@dataclass(frozen=True)
class TermAxis:
    """A logarithmic axis of self-attention, the same on the pages of all heads."""

    low: float
    high: float

    def place(self, value: float | None) -> float:
        """Where a value lies, in percent; what is outside lies at the nearer end."""
        if value is None or value <= self.low:
            return 0.0
        return round(100 * min(1.0, math.log(value / self.low) / math.log(self.high / self.low)), 2)


def terms_by_head(path: Path, axis: TermAxis) -> Iterator[tuple[HeadKey, tuple[list[TermView], list[CloudWordView]]]]:
    """Read the described terms of every head (schema HEAD_TERMS), one head at a time.

    Yields:
        Layer and head; its terms in the order of the table, and its cloud.
    """
    for table in files.iter_tables(path, term_schemas.HEAD_TERMS, _COLUMNS):
        if table.num_rows:
            rows = table.slice(0, N_TERMS).to_pylist()
            yield _key(table), ([_term(row, axis) for row in rows], _cloud(table, "term"))


def tokens_by_head(
    path: Path, support: int
) -> Iterator[tuple[HeadKey, tuple[list[HeadTokenView], list[CloudWordView]]]]:
    """Read the vocabulary entries of every head (schema HEAD_TOKENS) that occur in so many documents.

    Yields:
        Layer and head; its strongest entries, and their cloud.
    """
    names = list(HeadTokenView.__dataclass_fields__)
    for table in files.iter_tables(path, statistics_schemas.HEAD_TOKENS, _TOKEN_COLUMNS):
        if table.num_rows:
            frequent = pc.greater_equal(table["document_frequency"], support)
            ranked = table.filter(pc.and_not(frequent, table["special"]))
            top = ranked.slice(0, N_TERMS).select(names).to_pylist()
            yield _key(table), ([HeadTokenView(**row) for row in top], _cloud(ranked, "token"))


def _key(table: pa.Table) -> HeadKey:
    return table["layer"][0].as_py(), table["head"][0].as_py()


def _term(row: dict[str, Any], axis: TermAxis) -> TermView:
    values = {name: row[name] for name in _COLUMNS if name not in ("layer", "head")}
    places = [axis.place(row[name]) for name in ("mean", "mean_low", "mean_high")]
    return TermView(**values, place=places[0], low_place=places[1], high_place=places[2])


def _cloud(table: pa.Table, column: str) -> list[CloudWordView]:
    """Size the words of largest mean; the order is the alphabet's, in which a word is found."""
    best = table.select([column, "mean"]).sort_by([("mean", "descending"), (column, "ascending")]).slice(0, N_CLOUD)
    words, means = best[column].to_pylist(), best["mean"].to_pylist()
    if not words:
        return []
    low, high = (math.log(max(value, 1e-12)) for value in (means[-1], means[0]))
    sized = [
        CloudWordView(word, mean, 1 + round((N_SIZES - 1) * (math.log(max(mean, 1e-12)) - low) / (high - low or 1)))
        for word, mean in zip(words, means, strict=True)
    ]
    return sorted(sized, key=lambda word: (word.word.casefold(), word.word))
