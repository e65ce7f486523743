"""The start page: the run, the scores of the model, and the most notable results."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.report import links
from attviz_pipeline.report.sentences import documents, labels, values
from attviz_pipeline.report.views.classes import ClassEvidence, ClassScoreView, DifferencesView, classes_view
from attviz_pipeline.report.views.document_columns import SOURCES, confidence, error
from attviz_pipeline.report.views.documents import DocumentRowView, iter_positions, row_view
from attviz_pipeline.report.views.errors import ErrorsView
from attviz_pipeline.report.views.heads import HeadsView
from attviz_pipeline.report.views.models import ModelResults
from attviz_pipeline.report.views.ranked_terms import RankedView
from attviz_pipeline.report.views.scores import ScoresView, scores_view
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.report.views.tokens import TokensView
from attviz_pipeline.report.views.values import ValueGroupView, value_groups
from attviz_pipeline.tasks.task import Task

N_TERMS = 10
N_MISTAKES = 5


@dataclass(frozen=True)
class MistakesView:
    """The documents that the model predicts worst: `sentence` is about all of them, `all` lists them in order."""

    title: str
    all: str
    sentence: str
    rows: list[DocumentRowView]


@dataclass(frozen=True)
class StartView:
    """The start page; `errors` and `mistakes` are None where no gold value is known.

    `classes` and `differences` are of classes or labels, `values` of a regression; the others have none.
    `calibration` is the address of the reliability diagram, `evidence` the sentence whether attention matters to the
    prediction, `models` the comparison of models, `pages` the sentence which documents have a page; each
    is None where there is none.
    """

    scores: ScoresView
    errors: ErrorsView | None
    ranked: RankedView
    mistakes: MistakesView | None
    heads: HeadsView
    classes: list[ClassScoreView]
    differences: DifferencesView | None
    values: list[ValueGroupView]
    calibration: str | None = None
    evidence: Markup | None = None
    models: ModelResults | None = None
    pages: Markup | None = None


def start_view(
    study: StudyView, index: Path, heads: HeadsView, tokens: TokensView, evidence: ClassEvidence
) -> StartView:
    """Put together the start page."""
    task = study.task
    compared = classes_view(evidence, study) if task.has_labels else None
    return StartView(
        scores=scores_view(study, evidence.assessment),
        errors=evidence.errors,
        ranked=replace(tokens.ranked, rows=tokens.ranked.rows[:N_TERMS]),
        mistakes=_mistakes(study, index, evidence.assessment) if study.n_labelled else None,
        heads=heads,
        classes=compared.classes if compared else [],
        differences=compared.differences if compared else None,
        values=value_groups(evidence, study),
        pages=None if study.shows_all else documents.documents_with_pages(study),
    )


def _mistakes(study: StudyView, index: Path, assessment: Mapping[str, Any]) -> MistakesView:
    rows = _worst(study, index)
    views = [row_view(row, study) for row in rows]
    if not study.task.outcomes:
        first, scores = rows[0], assessment["scores"]
        quantiles = scores["absolute_error_quantiles"]
        known = (study.n_labelled, study.n_documents)
        sentence = values.largest_errors(*known, first["value"], first["predicted_value"], quantiles)
        return MistakesView("Largest errors", f"{links.DOCUMENTS}#sort=-error", sentence, views)
    if study.task.many_labels:
        highest = views[0].numbers["confidence"] if views else None
        sentence = labels.mistakes(study.n_labelled, study.n_documents, study.summary["outcomes"], highest)
        address = f"{links.DOCUMENTS}#outcome=not_right&sort=-confidence"
        return MistakesView("Most confident predictions with mistakes", address, sentence, views)
    address = f"{links.DOCUMENTS}#outcome=wrong&sort=-confidence"
    return MistakesView("Most confident misclassifications", address, _about_misclassified(study, views), views)


def _about_misclassified(study: StudyView, shown: list[DocumentRowView]) -> str:
    if not shown:
        return documents.no_mistakes(study.n_documents, study.n_labelled)
    return documents.mistakes(study, shown[0].prediction, shown[0].numbers["confidence"] or 0.0)


def _worst(study: StudyView, index: Path) -> list[dict[str, Any]]:
    """Return the most confident documents that are not right; in regression those with the largest errors."""
    task = study.task
    columns = [name for name in SOURCES if name not in {"id", "text"}]
    best: list[tuple[float, int]] = []
    for table in files.iter_tables(index, statistics_schemas.DOCUMENT_INDEX, columns):
        known = [row for row in table.to_pylist() if task.gold(row) is not None]
        wrong = [row for row in known if task.outcome(task.gold(row), task.predicted(row)) != "right"]
        best = sorted([*best, *(_rank(row, task) for row in wrong)])[:N_MISTAKES]
    positions = [position for _, position in best]
    tables = iter_positions(index, SOURCES, np.array(sorted(positions), np.int64))
    rows = {row["position"]: row for table in tables for row in table.to_pylist()}
    return [rows[position] for position in positions]


def _rank(row: dict[str, Any], task: Task[Any]) -> tuple[float, int]:
    size = confidence(task, row) if task.has_confidence else abs(error(task, row) or 0.0)
    return -(size or 0.0), row["position"]
