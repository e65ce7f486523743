"""Associations between attention and predictions, and the limits of what they show."""

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from attviz_pipeline.report.sentences.scores import association, heads_that_differ
from attviz_pipeline.report.views.classes import ClassEvidence
from attviz_pipeline.report.views.study import StudyView


@dataclass(frozen=True)
class EvidenceView:
    """Associations between attention and predictions, each as a sentence.

    Args:
        confidence: Correlation of confidence with the mean entropy of self-attention over heads.
        mistakes: Heads that differ between misclassified and correctly classified documents.
        answer: Whether the prediction depends on the tokens with the most self-attention; None without evidence.
    """

    confidence: str
    mistakes: str
    answer: Markup | None = None


def evidence_view(evidence: ClassEvidence, study: StudyView, answer: Markup | None = None) -> EvidenceView:
    """Collect the associations from the assessment and from the test of misclassified documents."""
    entries = evidence.assessment["confidence_and_entropy"]
    every: dict[str, Any] = next((entry for entry in entries if entry["documents"] == "all"), {})
    mistakes = evidence.separation.of_group("correct", "wrong")
    n_differ = sum(effect.significant for effect in mistakes) if mistakes else None
    return EvidenceView(
        confidence=association(
            every.get("n_documents", 0), _known(every, "spearman"), _known(every, "spearman_at_equal_length")
        ),
        mistakes=heads_that_differ(n_differ, len(mistakes), study.n_wrong, study.n_labelled),
        answer=answer,
    )


def _known(entry: dict[str, Any], name: str) -> dict[str, float | None] | None:
    found: dict[str, float | None] | None = entry.get(name)
    return None if found is None or found["value"] is None else found
