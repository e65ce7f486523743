"""What a run can say on whether attention explains predictions: little, and the pages say how little."""

from dataclasses import dataclass
from typing import Any

from attviz_pipeline.report.views.classes import ClassEvidence


@dataclass(frozen=True)
class EstimateView:
    """A number and its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def tells_from_zero(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class EvidenceView:
    """What the run found on the link between attention and predictions; None where it could not be estimated.

    Args:
        n_documents: Documents behind the correlations.
        spearman: Rank correlation of confidence with the mean entropy of self-attention over heads.
        at_equal_length: The same given the number of tokens.
        n_heads_of_mistakes: Heads that differ between wrong and right predictions, None where these were not compared.
        n_heads_compared: Heads that were compared so.
    """

    n_documents: int
    spearman: EstimateView | None
    at_equal_length: EstimateView | None
    n_heads_of_mistakes: int | None
    n_heads_compared: int


def evidence_view(evidence: ClassEvidence) -> EvidenceView:
    """Gather the evidence from the assessment and from the comparison of wrong and right predictions."""
    entries = evidence.assessment["confidence_and_entropy"]
    every: dict[str, Any] = next((entry for entry in entries if entry["documents"] == "all"), {})
    mistakes = evidence.separation.of_group("correct", "wrong")
    return EvidenceView(
        n_documents=every.get("n_documents", 0),
        spearman=_estimate(every.get("spearman")),
        at_equal_length=_estimate(every.get("spearman_at_equal_length")),
        n_heads_of_mistakes=sum(effect.significant for effect in mistakes) if mistakes else None,
        n_heads_compared=len(mistakes),
    )


def _estimate(found: dict[str, Any] | None) -> EstimateView | None:
    return None if found is None or None in found.values() else EstimateView(**found)
