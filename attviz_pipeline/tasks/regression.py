"""Regression: every document has a number."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from attviz_pipeline.tasks.measured import EvidenceColumns, Scale
from attviz_pipeline.tasks.task import UNLABELLED, Floats, Task

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
    scale = Scale(
        predicted="the predicted value",
        gold="the gold value",
        given="the value that {model} predicts",
        fall_of="the predicted value",
        short="the value",
        fall="absolute change",
        log="the predicted value",
        gold_log="the absolute error",
        log_short="the value",
        log_name="the value",
        log_unit="",
        measures={"error": "the mean absolute error", "change": "the mean absolute change of the predicted value"},
        strata="quantiles of the gold value",
        towards=("raise the predicted value", "lower it"),
        groups={},
        flip=("", "", ""),
        shares=False,
    )
    evidence = EvidenceColumns("outputs", "whole_predicted_value", "whole_predicted_value", "")
    judged_by = ("error", "change")

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

    def named(self, value: float | None) -> float | None:
        """Return the number."""
        return value

    def strength(self, outputs: Floats, predicted: float) -> Floats:  # noqa: ARG002 - it is the output
        """Return the predicted value."""
        value: Floats = outputs[..., 0]
        return value

    def falls(self, whole: Floats, changes: Floats, predicted: float) -> Floats:  # noqa: ARG002 - they are differences
        """Return its fall, without the rounding of two more sums."""
        fallen: Floats = 0 - changes[..., 0]
        return fallen

    def dependence(self, falls: Floats) -> Floats:
        """Return the absolute change: a value is not better if it is larger."""
        return np.abs(falls)

    def targets(self, gold: float | None, predicted: float) -> list[float]:  # noqa: ARG002 - it has the same gradient
        """Return the prediction: there is one output, whatever the gold value."""
        return [predicted]
