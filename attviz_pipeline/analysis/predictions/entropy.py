"""Rank correlation of the confidence in a prediction, or of its error, with the entropy of attention."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis.predictions.documents import Documents
from attviz_pipeline.analysis.predictions.rank_correlation import Ranks, partial_correlation, rank_correlations
from attviz_pipeline.analysis.predictions.resampling import Estimate, Floats, estimate
from attviz_pipeline.stages import AssessPredictions

FEWEST_CORRELATED = 3


def with_entropy(
    name: str, documents: Documents, quantity: Floats, chosen: NDArray[np.bool_], settings: AssessPredictions
) -> dict[str, Any]:
    """Correlate a quantity with the mean entropy, plain and at equal length, over some of the documents.

    Args:
        name: What these documents are called.
        documents: All documents.
        quantity: [document].
        chosen: Which documents; those without an entropy are left out, [document].
        settings: Number of resamples, and their seed.
    """
    chosen = chosen & ~np.isnan(documents.entropy)
    some = documents.where(chosen)
    if some.n < FEWEST_CORRELATED:
        nothing = Estimate(None, None, None)._asdict()
        return {
            "documents": name,
            "n_documents": some.n,
            "spearman": nothing,
            "spearman_at_equal_length": nothing,
        }
    ranked = [Ranks(values) for values in (quantity[chosen], some.entropy, some.n_tokens)]

    def statistics(weight: Floats) -> dict[str, float]:
        found = rank_correlations(ranked, weight)
        return {"spearman": float(found[0, 1]), "spearman_at_equal_length": partial_correlation(found)}

    estimates = estimate(statistics, some.row, settings.assessment.n_resamples, settings.seed)
    return {
        "documents": name,
        "n_documents": some.n,
        **{name: value._asdict() for name, value in estimates.items()},
    }
