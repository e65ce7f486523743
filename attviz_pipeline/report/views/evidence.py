"""Associations between attention and predictions, and the limits of what they show."""

from dataclasses import dataclass
from typing import Any

from attviz_pipeline.report.views.classes import ClassEvidence


@dataclass(frozen=True)
class EstimateView:
    """A number and its 95 % interval; both ends are None where there is none."""

    value: float
    low: float | None
    high: float | None

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside of the interval."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@dataclass(frozen=True)
class EvidenceView:
    """Associations between attention and predictions; None where one could not be estimated.

    Args:
        n_documents: Documents behind the correlations.
        spearman: Rank correlation of confidence with the mean entropy of self-attention over heads.
        at_equal_length: The same, controlling for the number of tokens.
        n_heads_that_differ: Heads that differ between misclassified and correctly classified documents; None where
            these were not compared.
        n_heads_compared: Heads in that comparison.
    """

    n_documents: int
    spearman: EstimateView | None
    at_equal_length: EstimateView | None
    n_heads_that_differ: int | None
    n_heads_compared: int


def evidence_view(evidence: ClassEvidence) -> EvidenceView:
    """Collect the associations from the assessment and from the test of misclassified documents."""
    entries = evidence.assessment["confidence_and_entropy"]
    every: dict[str, Any] = next((entry for entry in entries if entry["documents"] == "all"), {})
    mistakes = evidence.separation.of_group("correct", "wrong")
    return EvidenceView(
        n_documents=every.get("n_documents", 0),
        spearman=_estimate(every.get("spearman")),
        at_equal_length=_estimate(every.get("spearman_at_equal_length")),
        n_heads_that_differ=sum(effect.significant for effect in mistakes) if mistakes else None,
        n_heads_compared=len(mistakes),
    )


def _estimate(found: dict[str, Any] | None) -> EstimateView | None:
    return None if found is None or None in found.values() else EstimateView(**found)
