"""The terms of each head: those it attends to most with intervals, and a cloud of words sized by attention."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from attviz_pipeline.artifacts import files, statistics_schemas, term_schemas
from attviz_pipeline.report.views.ranked_terms import COLUMNS, N_ROWS, RankedView, ranked_view

N_CLOUD = 80
N_SIZES = 8
_TOKEN_COLUMNS = ["layer", "head", "token", "special", "count", "document_frequency", "mean", "std", "min", "max"]
HeadKey = tuple[int, int]


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
class HeadTermsView:
    """The described terms of a head, and its cloud; without rows where no term is described."""

    ranked: RankedView
    cloud: list[CloudWordView]


def read_head_terms(path: Path, n_heads: int) -> dict[HeadKey, HeadTermsView]:
    """Read the described terms of every head (schema HEAD_TERMS).

    Raises:
        ArtifactError: The table is missing or damaged.
    """
    facts = files.read_facts(path, term_schemas.HEAD_TERMS)
    names = ["layer", "head", *COLUMNS]
    found = {_key(t): t for t in files.iter_tables(path, term_schemas.HEAD_TERMS, names) if t.num_rows}
    nothing = term_schemas.HEAD_TERMS.table({name: [] for name in term_schemas.HEAD_TERMS.arrow.names})
    views = {}
    for row, prior in enumerate(facts["shrinkage"]):
        table = found.get(divmod(row, n_heads), nothing)
        views[divmod(row, n_heads)] = HeadTermsView(ranked_view(table, facts, prior), _cloud(table, "term"))
    return views


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
            top = ranked.slice(0, N_ROWS).select(names).to_pylist()
            yield _key(table), ([HeadTokenView(**row) for row in top], _cloud(ranked, "token"))


def _key(table: pa.Table) -> HeadKey:
    return table["layer"][0].as_py(), table["head"][0].as_py()


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
