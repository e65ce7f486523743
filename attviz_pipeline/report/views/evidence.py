"""Associations between attention and predictions, and the limits of what they show."""

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from attviz_pipeline.report.sentences import values
from attviz_pipeline.report.sentences.scores import association, heads_that_differ
from attviz_pipeline.report.views.classes import ClassEvidence
from attviz_pipeline.report.views.study import StudyView

Interval = dict[str, float | None] | None


@dataclass(frozen=True)
class EvidenceView:
    """Associations between attention and predictions, each as a sentence.

    Args:
        confidence: Correlation of confidence, or in regression of the absolute error, with the mean entropy of
            self-attention over heads; empty where no gold value is known in regression.
        mistakes: Heads that differ between misclassified and correctly classified documents, or that go with the error;
            empty where no gold value is known.
        answer: Whether the prediction depends on the tokens with the most self-attention; None without evidence.
    """

    confidence: str
    mistakes: str
    answer: Markup | None = None


def evidence_view(evidence: ClassEvidence, study: StudyView, answer: Markup | None = None) -> EvidenceView:
    """Collect the associations from the assessment and from the test of misclassified documents."""
    task, known = study.task, study.n_labelled > 0
    if not task.has_labels:
        found = _of_all(evidence, "error_and_entropy")
        by_error = evidence.separation.comparison("error", task.compared["error"])
        return EvidenceView(
            confidence=association(*found, "the absolute error") if known else "",
            mistakes=values.heads_and_errors(by_error, study) if known else "",
            answer=answer,
        )
    mistakes = evidence.separation.of_group("correct", "not right" if task.many_labels else "wrong")
    n_differ = sum(effect.significant for effect in mistakes) if mistakes else None
    too_small = any(effect.q_too_small for effect in mistakes)
    differ = heads_that_differ(n_differ, len(mistakes), study, q_too_small=too_small) if known else ""
    return EvidenceView(association(*_of_all(evidence, "confidence_and_entropy")), differ, answer)


def _of_all(evidence: ClassEvidence, name: str) -> tuple[int, Interval, Interval]:
    """Documents, the rank correlation over all of them, and the same at equal length."""
    entries = evidence.assessment[name]
    every: dict[str, Any] = next((entry for entry in entries if entry["documents"] == "all"), {})
    return every.get("n_documents", 0), _known(every, "spearman"), _known(every, "spearman_at_equal_length")


def _known(entry: dict[str, Any], name: str) -> Interval:
    found: Interval = entry.get(name)
    return None if found is None or found["value"] is None else found
