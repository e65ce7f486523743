"""The values of a regression: how words and heads go with gold values, predicted values and errors."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.report import links
from attviz_pipeline.report.views.class_terms import GroupTerms
from attviz_pipeline.report.views.classes import ClassEvidence, DocumentListView
from attviz_pipeline.report.views.document_columns import SOURCES
from attviz_pipeline.report.views.documents import iter_positions, row_view
from attviz_pipeline.report.views.errors import ErrorsView
from attviz_pipeline.report.views.prediction import Values
from attviz_pipeline.report.views.scores import ScoresView, scores_view
from attviz_pipeline.report.views.separation import ComparisonView, EffectView
from attviz_pipeline.report.views.study import StudyView

N_HEADS = 15
N_DOCUMENTS = 5
N_WORDS = 3


@dataclass(frozen=True)
class ValueGroupView:
    """One value that documents are compared by.

    Args:
        name: What it is: gold value, predicted value or absolute error.
        page: Address of its page.
        comparison: How heads go with it.
        terms: How the use and self-attention of words go with it; None where documents were not compared.
        support: Documents in which a word must occur to be compared.
    """

    name: str
    page: str
    comparison: ComparisonView
    terms: GroupTerms | None
    support: int

    @property
    def heads(self) -> list[EffectView]:
        """The first heads, the smallest q first."""
        return list(self.comparison.effects[:N_HEADS])

    @property
    def words(self) -> list[str] | None:
        """Words that are used more where the value is large; None where documents were not compared."""
        if not self.comparison.compared:
            return None
        return [term.term for term in self.terms.used_more[:N_WORDS]] if self.terms else []


@dataclass(frozen=True)
class ValuePageView:
    """The page of one value, with lists of documents, and the values before and after it."""

    group: ValueGroupView
    documents: list[DocumentListView]
    previous: ValueGroupView | None
    next: ValueGroupView | None


@dataclass(frozen=True)
class ValuesPageView:
    """The page of all values; `figure` is the address of the figure of values, None where there is none."""

    groups: list[ValueGroupView]
    scores: ScoresView
    errors: ErrorsView | None
    figure: str | None


def read_values(index: Path, study: StudyView) -> Values | None:
    """Read the values of all documents (schema DOCUMENT_INDEX), by position; None if the task has none.

    Raises:
        ArtifactError: The table is missing or damaged.
    """
    if study.task.has_labels:
        return None
    table = files.read_table(index, statistics_schemas.DOCUMENT_INDEX, ["value", "predicted_value"])
    gold = table["value"].fill_null(np.nan).to_numpy()
    return Values(gold, table["predicted_value"].to_numpy())


def value_groups(evidence: ClassEvidence, study: StudyView) -> list[ValueGroupView]:
    """Put together the values that documents are compared by; none in classification."""
    return [
        ValueGroupView(
            name=name,
            page=links.class_page(study.groups.index(name)),
            comparison=evidence.separation.comparison(grouping, name),
            terms=evidence.terms.get((grouping, name)),
            support=evidence.support,
        )
        for grouping, name in study.task.compared.items()
        if name in study.groups
    ]


def values_page_view(evidence: ClassEvidence, study: StudyView, figure: str | None) -> ValuesPageView:
    """Put together the page of all values; `figure` is the address of the figure of values."""
    return ValuesPageView(
        groups=value_groups(evidence, study),
        scores=scores_view(study, evidence.assessment),
        errors=evidence.errors,
        figure=figure,
    )


def iter_value_pages(evidence: ClassEvidence, index: Path, study: StudyView) -> Iterator[ValuePageView]:
    """Put together the page of every value."""
    groups = value_groups(evidence, study)
    rows = _extremes(index, study)
    for number, group in enumerate(groups):
        yield ValuePageView(
            group=group,
            documents=[
                DocumentListView(title, f"{links.DOCUMENTS}#sort={sort}", [row_view(row, study) for row in found], n, n)
                for title, sort, found, n in rows[group.comparison.grouping]
            ],
            previous=groups[number - 1] if number else None,
            next=groups[number + 1] if number + 1 < len(groups) else None,
        )


_LISTS = {
    "gold": (("Highest gold values", "-gold", True), ("Lowest gold values", "gold", False)),
    "predicted": (("Highest predicted values", "-predicted", True), ("Lowest predicted values", "predicted", False)),
    "error": (("Largest absolute errors", "-error", True), ("Smallest absolute errors", "error", False)),
}
"""Lists of documents by grouping: title, how the page of documents is sorted so, and whether the largest lead."""
Listed = tuple[str, str, list[dict[str, Any]], int]


def _extremes(index: Path, study: StudyView) -> dict[str, list[Listed]]:
    values = read_values(index, study)
    if values is None:
        return {}
    numbers = {
        "gold": values.gold,
        "predicted": values.predicted,
        "error": np.abs(values.predicted - values.gold),
    }
    chosen: dict[tuple[str, str], list[int]] = {}
    for grouping, lists in _LISTS.items():
        known = np.flatnonzero(~np.isnan(numbers[grouping]))
        for title, _, falling in lists:
            keys = numbers[grouping][known] * (-1 if falling else 1)
            chosen[grouping, title] = known[np.argsort(keys, kind="stable")[:N_DOCUMENTS]].tolist()
    wanted = {position for positions in chosen.values() for position in positions}
    rows = {
        row["position"]: row
        for table in iter_positions(index, SOURCES, np.array(sorted(wanted), np.int64))
        for row in table.to_pylist()
    }
    return {
        grouping: [
            (
                title,
                sort,
                [rows[position] for position in chosen[grouping, title]],
                int(np.isfinite(numbers[grouping]).sum()),
            )
            for title, sort, _ in lists
        ]
        for grouping, lists in _LISTS.items()
    }
