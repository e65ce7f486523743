"""Scores of the classifier, with what they must be compared with, on the pages Start and About."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from attviz_pipeline.formats import percent, plural
from attviz_pipeline.report.sentences import scores as sentences
from attviz_pipeline.report.views.study import StudyView


@dataclass(frozen=True)
class ScoreView:
    """The accuracy on one set of documents; `detail` says its interval and support, or why it differs from another."""

    name: str
    accuracy: float
    detail: str


@dataclass(frozen=True)
class ScoresView:
    """Scores and the sentences beside them; None where there is nothing to say.

    Args:
        scores: Accuracies; empty where no gold class is known.
        predictions: That all documents have one prediction, or which classes are never predicted.
        baseline: What always predicting the largest class would give.
        overconfidence: Mean confidence against accuracy.
        warnings: Why scores can be too high.
    """

    scores: list[ScoreView]
    predictions: Markup | None
    baseline: Markup | None
    overconfidence: str | None
    warnings: list[str]


def scores_view(study: StudyView, assessment: Mapping[str, Any]) -> ScoresView:
    """Put together the scores; `assessment` is the artifact of that name."""
    found = assessment["scores"]
    calibrated = found.get("overconfidence_of_a_calibrated_model")
    return ScoresView(
        scores=_scores(study, assessment),
        predictions=sentences.predictions(assessment["predictions"]["counts"], study.label_names),
        baseline=sentences.baseline(assessment),
        overconfidence=(
            sentences.overconfidence(found["overconfidence"], calibrated, assessment["n_labelled"]) if found else None
        ),
        warnings=_warnings(study, assessment["splits"]),
    )


def intervals_of_classes(assessment: Mapping[str, Any]) -> dict[str, dict[str, tuple[float, float]]]:
    """Return the bounds of precision and recall by name of the class; those that have no interval are missing."""
    return {
        row["label"]: {
            score: (row[f"{score}_low"], row[f"{score}_high"])
            for score in ("precision", "recall")
            if row[f"{score}_low"] is not None
        }
        for row in assessment["per_class"]
    }


def _scores(study: StudyView, assessment: Mapping[str, Any]) -> list[ScoreView]:
    scores, found, splits = [], assessment["scores"], assessment["splits"]
    if found:
        detail = sentences.accuracy(found["accuracy"], found["macro_f1"], assessment["n_labelled"])
        scores.append(ScoreView("analysed documents", found["accuracy"]["value"], detail))
    if test := study.metrics.get("splits", {}).get("test"):
        why = sentences.why_test_differs(test, splits, study.settings)
        if why is not None or not found:
            macro_f1 = f"macro F1 {percent(test['macro_f1'])} · {why or plural(test['n'], 'text')}"
            scores.append(ScoreView("test split", test["accuracy"], macro_f1))
    return scores


def _warnings(study: StudyView, splits: Mapping[str, int]) -> list[str]:
    if not study.settings.fine_tunes:
        return []
    found = (
        sentences.seen_in_training(splits, study.n_documents),
        sentences.repeated_texts(study.dataset.get("texts_in_several_splits", 0)),
    )
    return [warning for warning in found if warning]
