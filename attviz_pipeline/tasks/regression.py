"""Regression: every document has a number."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from attviz_pipeline.tasks.task import UNLABELLED, Task

N_QUANTILES = 10
DOCUMENTS_PER_QUANTILE = 20
"""Fewest documents of a stratum; a small corpus has fewer strata."""


class Regression(Task[float]):
    """A gold value and a prediction are numbers; the prediction is the model's only output."""

    name = "regression"
    title = "regression"
    noun, nouns = "value", "values"
    problem_type = "regression"
    activation = "identity"
    gold_column = "value"
    predicted_column = "predicted_value"
    has_labels = False
    compared = MappingProxyType({"gold": "gold value", "predicted": "predicted value", "error": "absolute error"})
    has_confidence = False
    criterion = "r2"

    @property
    def output_names(self) -> tuple[str, ...]:
        """The only output's name, which transformers wants."""
        return ("value",)

    def target(self, gold: float) -> list[float]:
        """Return the value as a list of one output."""
        return [gold]

    def of_target(self, target: Sequence[float]) -> float:
        """Return the only number."""
        (value,) = target
        return value

    def predict(self, outputs: Sequence[float]) -> dict[str, Any]:
        """Predict the output; there are no probabilities."""
        (value,) = outputs
        return {"predicted_value": float(value), "probabilities": []}

    def labels_in(self, value: float) -> tuple[int, ...]:  # noqa: ARG002 - a number has none
        """Return no labels."""
        return ()

    def outcome(self, gold: float | None, predicted: float) -> None:
        """Return None: a number is not right or wrong, it has an error."""

    def error(self, gold: float | None, predicted: float) -> float | None:
        """Return the predicted minus the gold value."""
        return None if gold is None else predicted - gold

    def outputs(self, predicted: float, probabilities: Sequence[float]) -> list[float]:  # noqa: ARG002 - it has none
        """Return the predicted value, the only output."""
        return [predicted]

    def confidence(self, predicted: float, probabilities: Sequence[float]) -> None:
        """Return None: the model does not say how certain it is."""

    def fit(self, gold: float | None, predicted: float, probabilities: Sequence[float]) -> float:  # noqa: ARG002
        """Return minus the absolute error."""
        return 0.0 if gold is None else -abs(predicted - gold)

    def strata(self, golds: Sequence[float | None]) -> list[int]:
        """Return the quantile of each value: deciles, or fewer in a small corpus; equal values are in one stratum."""
        known = np.array([gold for gold in golds if gold is not None], dtype=np.float64)
        n_strata = max(1, min(N_QUANTILES, len(known) // DOCUMENTS_PER_QUANTILE))
        edges = np.quantile(known, np.arange(1, n_strata) / n_strata) if len(known) else known
        return [UNLABELLED if gold is None else int(np.searchsorted(edges, gold, side="right")) for gold in golds]

    def order(self, value: float) -> float:
        """Sort by size."""
        return value

    def spell(self, value: float) -> str:
        """Return up to six significant digits."""
        return f"{value:.6g}"
