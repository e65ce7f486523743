"""Similarity of heads: pairs, groups and maps, by both measures."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from attviz_pipeline.artifacts import comparison_schemas, files
from attviz_pipeline.artifacts.layout import ComparisonPaths
from attviz_pipeline.report.views.study import HeadRef, StudyView
from attviz_pipeline.significance import SIGNIFICANT

N_NEIGHBOURS = 5
_VALUES = ("value", "null_low", "null_high", "p", "q")
_PLACES = ("order", "cluster", "silhouette", "x", "y")


@dataclass(frozen=True)
class MeasureText:
    """Name and explanation of a measure, and what it compares; `falling` where a large value means similar.

    It compares heads over the `unit`s token or document.
    """

    title: str
    explanation: str
    subject: str
    falling: bool
    unit: str


MEASURES = {
    "fuji": MeasureText(
        "Ranking of tokens (FUJI)",
        "do both heads rank tokens in the same order? 1 is the same ranking",
        "Its ranking of tokens",
        falling=True,
        unit="token",
    ),
    "jensen_shannon": MeasureText(
        "Distribution within documents (Jensen-Shannon)",
        "do both distribute self-attention over the tokens of a document in the same way? 0 is the same distribution",
        "Its distribution of self-attention within documents",
        falling=False,
        unit="document",
    ),
}


@dataclass(frozen=True)
class PairView:
    """Another head, and how similar it is; `low` and `high` enclose the values of 95 % of the permutations."""

    other: HeadRef
    value: float
    low: float
    high: float
    p: float
    q: float

    @property
    def beyond_chance(self) -> bool:
        """Whether the two are more similar than chance."""
        return self.q < SIGNIFICANT


@dataclass(frozen=True)
class NeighboursView:
    """The heads most and least similar to one head, by one measure.

    Of `n_others` with which it was tested, `n_beyond_chance` are more similar than chance. A head that is `constant`
    within documents was not tested. Heads are compared over `n_units`, of tokens those in at least `least` documents.
    """

    text: MeasureText
    n_units: int
    least: int
    nearest: list[PairView]
    furthest: list[PairView]
    n_beyond_chance: int
    n_others: int
    constant: bool


@dataclass(frozen=True)
class Likeness:
    """One measure between all heads; each of `pairs` is [row, row] with NaN on the diagonal, each of `places` [row]."""

    measure: str
    text: MeasureText
    pairs: dict[str, NDArray[np.float64]]
    places: dict[str, NDArray[Any]]
    facts: dict[str, Any]

    @property
    def constant(self) -> set[int]:
        """Heads whose pairs were not tested, because their tokens are nearly alike within documents."""
        return set(self.facts["constant_heads"])

    @property
    def n_units(self) -> int:
        """Tokens or documents over which heads are compared."""
        return int(self.facts[f"n_{self.text.unit}s"])

    def ranked(self, row: int) -> list[int]:
        """All other heads, the most similar first; ties in the order of heads."""
        values = self.pairs["value"][row]
        order = np.argsort(-values if self.text.falling else values, kind="stable")
        return [int(other) for other in order if other != row]

    def neighbours(self, row: int, study: StudyView) -> NeighboursView:
        """Find the heads most and least similar to one."""
        ranked = self.ranked(row)
        n = min(N_NEIGHBOURS, (len(ranked) + 1) // 2)
        furthest = ranked[max(n, len(ranked) - N_NEIGHBOURS) :]
        return NeighboursView(
            self.text,
            self.n_units,
            self.facts["min_document_frequency"],
            [self.pair(row, other, study) for other in ranked[:n]],
            [self.pair(row, other, study) for other in reversed(furthest)],
            n_beyond_chance=int((self.pairs["q"][row] < SIGNIFICANT).sum()),
            n_others=len(ranked) - len(self.constant - {row}),
            constant=row in self.constant,
        )

    def pair(self, row: int, other: int, study: StudyView) -> PairView:
        """Describe how similar another head is."""
        value, low, high, p, q = (float(self.pairs[name][row, other]) for name in _VALUES)
        return PairView(study.head_of(other), value, low, high, p, q)


def read_likeness(paths: ComparisonPaths, study: StudyView) -> list[Likeness]:
    """Read the comparison of heads; a measure without enough tokens or documents is left out.

    Raises:
        ArtifactError: A table is missing or damaged.
    """
    pairs = files.read_table(paths.head_pairs, comparison_schemas.HEAD_PAIRS)
    clusters = files.read_table(paths.head_clusters, comparison_schemas.HEAD_CLUSTERS)
    facts = files.read_facts(paths.head_clusters, comparison_schemas.HEAD_CLUSTERS)
    found = []
    for measure, text in MEASURES.items():
        mine, placed = (table.filter(pc.equal(table["measure"], measure)) for table in (pairs, clusters))
        if mine.num_rows and placed.num_rows == study.n_rows:
            places = {name: placed[name].to_numpy() for name in _PLACES}
            own_facts = facts | facts["measures"][measure]
            found.append(Likeness(measure, text, _square(mine, study), places, own_facts))
    return found


def _square(pairs: pa.Table, study: StudyView) -> dict[str, NDArray[np.float64]]:
    first, second = (
        pairs[f"layer_{side}"].to_numpy() * study.n_heads + pairs[f"head_{side}"].to_numpy() for side in ("a", "b")
    )
    squares = {}
    for name in _VALUES:
        square = np.full((study.n_rows, study.n_rows), np.nan)
        square[first, second] = square[second, first] = pairs[name].to_numpy()
        squares[name] = square
    return squares
