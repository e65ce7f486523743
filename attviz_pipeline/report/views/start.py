"""The start page: what was run, how well the model did, what stands out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attviz_pipeline.artifacts import files, schemas
from attviz_pipeline.report.views.documents import DocumentRowView, row_view
from attviz_pipeline.report.views.heads import HeadsView
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.report.views.tokens import TokensView, TokenView

N_TOKENS = 10
N_MISTAKES = 5
_COLUMNS = ["position", "id", "text", "label", "prediction", "probabilities", "n_tokens", "mean"]


@dataclass(frozen=True)
class ScoreView:
    """Scores on one set of documents."""

    name: str
    n: int
    accuracy: float
    macro_f1: float


@dataclass(frozen=True)
class StartView:
    """The start page; `confusion` is [gold][predicted]."""

    scores: list[ScoreView]
    confusion: list[list[int]]
    tokens: list[TokenView]
    mistakes: list[DocumentRowView]
    n_wrong: int
    heads: HeadsView


def start_view(study: StudyView, index: Path, heads: HeadsView, tokens: TokensView) -> StartView:
    """Put together the start page."""
    confusion = study.summary["confusion"]
    n_right = sum(row[i] for i, row in enumerate(confusion))
    return StartView(
        scores=_scores(study),
        confusion=confusion,
        tokens=tokens.rows[:N_TOKENS],
        mistakes=[row_view(row, study) for row in _most_confident_mistakes(index)],
        n_wrong=study.n_documents - n_right,
        heads=heads,
    )


def _scores(study: StudyView) -> list[ScoreView]:
    analysed = ScoreView("analysed documents", study.n_documents, study.summary["accuracy"], study.summary["macro_f1"])
    test = study.metrics.get("splits", {}).get("test")
    if test is None:
        return [analysed]
    return [ScoreView("test split", test["n"], test["accuracy"], test["macro_f1"]), analysed]


def _most_confident_mistakes(index: Path) -> list[dict[str, Any]]:
    best: list[dict[str, Any]] = []
    for table in files.iter_tables(index, schemas.DOCUMENT_INDEX, _COLUMNS):
        wrong = [
            label != guess
            for label, guess in zip(table["label"].to_pylist(), table["prediction"].to_pylist(), strict=True)
        ]
        rows = table.filter(wrong).to_pylist()
        best = sorted([*best, *rows], key=lambda row: (-max(row["probabilities"]), row["position"]))[:N_MISTAKES]
    return best
