"""The start page: the run, the scores of the model, and the most notable results."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from markupsafe import Markup

from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.report.sentences import documents
from attviz_pipeline.report.views.classes import ClassEvidence, ClassScoreView, DifferencesView, classes_view
from attviz_pipeline.report.views.confusion import ConfusionView, confusion_view
from attviz_pipeline.report.views.document_columns import SOURCES
from attviz_pipeline.report.views.documents import DocumentRowView, row_view
from attviz_pipeline.report.views.heads import HeadsView
from attviz_pipeline.report.views.ranked_terms import RankedView
from attviz_pipeline.report.views.scores import ScoresView, scores_view
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.report.views.tokens import TokensView

N_TERMS = 10
N_MISTAKES = 5


@dataclass(frozen=True)
class StartView:
    """The start page; `confusion` is None where no gold class is known.

    `calibration` is the address of the reliability diagram, `evidence` the sentence whether attention matters to the
    prediction; each is None where there is none.
    """

    scores: ScoresView
    confusion: ConfusionView | None
    ranked: RankedView
    mistakes: list[DocumentRowView]
    about_mistakes: str
    heads: HeadsView
    classes: list[ClassScoreView]
    differences: DifferencesView
    calibration: str | None = None
    evidence: Markup | None = None


def start_view(
    study: StudyView, index: Path, heads: HeadsView, tokens: TokensView, evidence: ClassEvidence
) -> StartView:
    """Put together the start page."""
    mistakes = [row_view(row, study) for row in _most_confident_mistakes(index)]
    compared = classes_view(evidence, study)
    return StartView(
        scores=scores_view(study, evidence.assessment),
        confusion=confusion_view(study),
        ranked=replace(tokens.ranked, rows=tokens.ranked.rows[:N_TERMS]),
        mistakes=mistakes,
        about_mistakes=_about_mistakes(study, mistakes),
        heads=heads,
        classes=compared.classes,
        differences=compared.differences,
    )


def _about_mistakes(study: StudyView, shown: list[DocumentRowView]) -> str:
    if not shown:
        return documents.no_mistakes(study.n_documents, study.n_labelled)
    return documents.mistakes(study, shown[0].prediction, shown[0].numbers["confidence"])


def _most_confident_mistakes(index: Path) -> list[dict[str, Any]]:
    best: list[dict[str, Any]] = []
    for table in files.iter_tables(index, statistics_schemas.DOCUMENT_INDEX, SOURCES):
        wrong = [
            label is not None and label != guess
            for label, guess in zip(table["label"].to_pylist(), table["prediction"].to_pylist(), strict=True)
        ]
        rows = table.filter(wrong).to_pylist()
        best = sorted([*best, *rows], key=lambda row: (-max(row["probabilities"]), row["position"]))[:N_MISTAKES]
    return best
