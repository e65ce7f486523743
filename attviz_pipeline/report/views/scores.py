"""Scores of the classifier, with what they must be compared with, on the pages Start and About."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from attviz_pipeline.formats import decimal, percent, plural, significant
from attviz_pipeline.report.sentences import labels, values
from attviz_pipeline.report.sentences import scores as sentences
from attviz_pipeline.report.views.study import StudyView


@dataclass(frozen=True)
class ScoreView:
    """One score of one set of documents; `detail` says its interval and support, or why it differs from another."""

    title: str
    value: str
    detail: str


@dataclass(frozen=True)
class ScoresView:
    """Scores and the sentences beside them; None where there is nothing to say.

    Args:
        scores: Empty where no gold value is known.
        predictions: That all documents have one prediction, or which classes or labels are never predicted.
        baseline: What a model that reads nothing would reach: always the largest class, or the mean value.
        overconfidence: Mean confidence against accuracy, or in regression the mean error.
        warnings: Why scores can be too high.
    """

    scores: list[ScoreView]
    predictions: Markup | None
    baseline: Markup | None
    overconfidence: str | None
    warnings: list[str]

    @property
    def says_nothing(self) -> bool:
        """True where no document has a gold value and predictions differ."""
        return not (self.scores or self.predictions or self.warnings)


def scores_view(study: StudyView, assessment: Mapping[str, Any]) -> ScoresView:
    """Put together the scores; `assessment` is the artifact of that name."""
    found = BY_TASK[study.task.name](study, assessment)
    test = study.metrics.get("splits", {}).get("test")
    scores = list(found.scores)
    if test:
        why = sentences.why_test_differs(test, assessment["splits"], study.settings)
        if why is not None or not scores:
            scores.append(found.of_test(test, why or plural(test["n"], "text")))
    return ScoresView(
        scores=scores,
        predictions=found.predictions,
        baseline=found.baseline,
        overconfidence=found.overconfidence,
        warnings=_warnings(study, assessment["splits"]),
    )


@dataclass(frozen=True)
class _OfTask:
    """What differs between tasks; `of_test` describes the scores of the test split, given why they differ."""

    scores: Sequence[ScoreView]
    predictions: Markup | None
    baseline: Markup | None
    overconfidence: str | None
    of_test: Callable[[Mapping[str, Any], str], ScoreView]


def _of_classes(study: StudyView, assessment: Mapping[str, Any]) -> _OfTask:
    found, n = assessment["scores"], assessment["n_labelled"]
    scores = []
    if found:
        detail = sentences.accuracy(found["accuracy"], found["macro_f1"], n)
        scores.append(ScoreView("Accuracy, analysed documents", percent(found["accuracy"]["value"]), detail))
    calibrated = found.get("overconfidence_of_a_calibrated_model")
    return _OfTask(
        scores=scores,
        predictions=sentences.predictions(assessment["predictions"]["counts"], study.label_names),
        baseline=sentences.baseline(assessment),
        overconfidence=sentences.overconfidence(found["overconfidence"], calibrated, n) if found else None,
        of_test=lambda test, why: ScoreView(
            "Accuracy, test split", percent(test["accuracy"]), f"macro F1 {percent(test['macro_f1'])} · {why}"
        ),
    )


def _of_labels(study: StudyView, assessment: Mapping[str, Any]) -> _OfTask:
    found, n = assessment["scores"], assessment["n_labelled"]
    return _OfTask(
        scores=list(_scores_of_labels(found, n)) if found else [],
        predictions=labels.predictions(assessment["predictions"], study),
        baseline=labels.baseline(found) if found else None,
        overconfidence=labels.calibration(assessment["per_label"], n) if found else None,
        of_test=lambda test, why: ScoreView(
            "Exact match, test split",
            percent(test["exact_match"]),
            f"micro F1 {percent(test['micro_f1'])} · macro F1 {percent(test['macro_f1'])} · {why}",
        ),
    )


def _scores_of_labels(found: Mapping[str, Any], n: int) -> Iterator[ScoreView]:
    support = plural(n, "document")
    yield ScoreView(
        "Exact match, analysed documents",
        percent(found["exact_match"]["value"]),
        sentences.interval(found["exact_match"], percent, f"all labels right · {support}"),
    )
    yield ScoreView(
        "Micro F1",
        percent(found["micro_f1"]["value"]),
        sentences.interval(found["micro_f1"], percent, labels.macro_f1(found["macro_f1"])),
    )
    yield ScoreView(
        "Hamming loss",
        percent(found["hamming_loss"]["value"]),
        sentences.interval(found["hamming_loss"], percent, "share of wrong decisions about labels"),
    )


def _of_values(study: StudyView, assessment: Mapping[str, Any]) -> _OfTask:  # noqa: ARG001 - as every task
    found, n = assessment["scores"], assessment["n_labelled"]
    return _OfTask(
        scores=list(_scores_of_values(found, n)) if found else [],
        predictions=values.predictions(assessment["predictions"], assessment["n_documents"]),
        baseline=values.baseline(found) if found else None,
        overconfidence=values.mean_error(found["mean_error"], n) if found else None,
        of_test=lambda test, why: ScoreView(
            "Mean absolute error, test split",
            significant(test["mae"], 3),
            " · ".join([*([f"R² {_three(test['r2'])}"] if test["r2"] is not None else []), why]),
        ),
    )


def _scores_of_values(found: Mapping[str, Any], n: int) -> Iterator[ScoreView]:
    yield ScoreView(
        "Mean absolute error, analysed documents",
        significant(found["mae"]["value"], 3),
        sentences.interval(found["mae"], _significant, plural(n, "document")),
    )
    for name, title, note in (
        ("r2", "R²", "share of the variance explained"),
        ("spearman", "Spearman's \u03c1", "of gold and predicted value"),
    ):
        if found[name]["value"] is not None:
            yield ScoreView(title, _three(found[name]["value"]), sentences.interval(found[name], _three, note))


BY_TASK: Mapping[str, Callable[[StudyView, Mapping[str, Any]], _OfTask]] = {
    "single_label": _of_classes,
    "multi_label": _of_labels,
    "regression": _of_values,
}


def scores_by_label(assessment: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the scores of every class or label; none without gold labels, and in regression."""
    found: list[dict[str, Any]] = assessment.get("per_label") or assessment.get("per_class") or []
    return found


def intervals_of_classes(assessment: Mapping[str, Any]) -> dict[str, dict[str, tuple[float, float]]]:
    """Return the bounds of precision, recall and F1 by name of the class; those that have no interval are missing."""
    return {
        row["label"]: {
            score: (row[f"{score}_low"], row[f"{score}_high"])
            for score in ("precision", "recall", "f1")
            if row.get(f"{score}_low") is not None
        }
        for row in scores_by_label(assessment)
    }


def _warnings(study: StudyView, splits: Mapping[str, int]) -> list[str]:
    if not study.settings.fine_tunes:
        return []
    found = (
        sentences.seen_in_training(splits, study.n_documents),
        sentences.repeated_texts(study.dataset.get("texts_in_several_splits", 0)),
    )
    return [warning for warning in found if warning]


def _three(value: float) -> str:
    return decimal(value, 3)


def _significant(value: float) -> str:
    return significant(value, 3)
