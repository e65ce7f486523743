"""What every task of a text classifier has: a gold value, a prediction, an outcome, and columns that store them."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Literal, TypeVar

from numpy.typing import NDArray

from attviz_pipeline.config.settings import EpochCriterion, TaskName
from attviz_pipeline.tasks.measured import EvidenceColumns, Scale

Outcome = Literal["right", "partly_right", "wrong"]
Activation = Literal["softmax", "sigmoid", "identity"]
Row = Mapping[str, Any]
Floats = NDArray[Any]
"""Floating-point numbers of either size."""
Value = TypeVar("Value")
"""A gold value or a prediction: a class index, a set of label indices, or a number."""

UNLABELLED = -1
"""Stratum of documents without a gold value."""


@dataclass(frozen=True)
class Task(ABC, Generic[Value]):
    """The task of one study.

    Attributes:
        label_names: Names of the classes or labels, by index; empty in regression.
        thresholds: Probability from which a label is predicted, [label]; only in multi-label classification.
        name: Value of the setting `task`.
        title: What the field calls it.
        noun, nouns: What a gold value is made of.
        problem_type: What transformers calls it, in a model's config.json.
        activation: What makes the model's outputs probabilities, or the predicted value.
        gold_column: Column of the gold value.
        predicted_column: Column of the prediction.
        outcomes: What a prediction can be, the best first; empty if it has no outcome but an error.
        outcome_names: What readers call them, in the same order.
        compared: In regression, the values that documents are compared by: names of the groupings, and what they are.
        has_labels: Whether gold values are made of labels, which have names.
        many_labels: Whether a document can have several labels, or none.
        has_confidence: Whether a prediction has a confidence.
        criterion: The score on the validation split that can choose the best epoch, besides the loss.
        scale: What evidence measures, in words.
        evidence: Columns of the tables of evidence.
        judged_by: Measures by which orders of heads are judged: where the gold value is known, and where it is not.
    """

    label_names: tuple[str, ...] = ()
    thresholds: tuple[float, ...] = ()

    name: ClassVar[TaskName]
    title: ClassVar[str]
    noun: ClassVar[str]
    nouns: ClassVar[str]
    problem_type: ClassVar[str]
    activation: ClassVar[Activation]
    gold_column: ClassVar[str]
    predicted_column: ClassVar[str]
    outcomes: ClassVar[tuple[Outcome, ...]] = ()
    outcome_names: ClassVar[tuple[str, ...]] = ()
    compared: ClassVar[Mapping[str, str]] = MappingProxyType({})
    has_labels: ClassVar[bool] = True
    many_labels: ClassVar[bool] = False
    has_confidence: ClassVar[bool] = True
    criterion: ClassVar[EpochCriterion] = "macro_f1"
    scale: ClassVar[Scale]
    evidence: ClassVar[EvidenceColumns] = EvidenceColumns()
    judged_by: ClassVar[tuple[str, str]] = ("accuracy", "agreement")

    @property
    def facts(self) -> dict[str, Any]:
        """What tables and cards say of the task."""
        return {"task": self.name, "label_names": list(self.label_names)}

    @property
    def evidence_facts(self) -> dict[str, Any]:
        """What tables of evidence say of it; none in single-label classification, the task of tables without facts."""
        return self.facts

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the model's outputs, [output]."""
        return self.label_names

    def gold(self, row: Row) -> Value | None:
        """Return the gold value of a row of any table with the column; None if it is unlabelled."""
        value: Value | None = self._value(row[self.gold_column])
        return value

    def predicted(self, row: Row) -> Value:
        """Return the prediction of a row of any table with the column."""
        value: Value = self._value(row[self.predicted_column])
        return value

    def _value(self, cell: Any) -> Any:  # noqa: ANN401 - as many types as columns
        return cell

    def target(self, gold: Value) -> Any:  # noqa: ANN401 - a number or a list, as the loss needs it
        """Return what the loss compares the model's outputs with."""
        return gold

    def of_target(self, target: Any) -> Value:  # noqa: ANN401 - what `target` returns
        """Return the gold value of which `target` made this."""
        value: Value = target
        return value

    @abstractmethod
    def predict(self, outputs: Sequence[float]) -> dict[str, Any]:
        """Return the columns of a prediction: `predicted_column` and `probabilities`.

        Args:
            outputs: The activated outputs, the mean over the windows of a document, [label], in the order of
                `label_names`.
        """

    @abstractmethod
    def labels_in(self, value: Value) -> tuple[int, ...]:
        """Return the indices of the labels that a gold value or a prediction has; none in regression."""

    def outcome(self, gold: Value | None, predicted: Value) -> Outcome | None:
        """Return whether a prediction is right; None for unlabelled documents, and in regression."""
        return None if gold is None else "right" if gold == predicted else "wrong"

    def spell_outcome(self, outcome: Outcome) -> str:
        """Return what readers call an outcome."""
        return self.outcome_names[self.outcomes.index(outcome)]

    def error(self, gold: Value | None, predicted: Value) -> float | None:  # noqa: ARG002 - only regression has one
        """Return the predicted minus the gold value; None for unlabelled documents, and in classification."""
        return None

    def outputs(self, predicted: Value, probabilities: Sequence[float]) -> list[float]:  # noqa: ARG002 - regression
        """Return the activated outputs of a prediction, in the order of `output_names`, [output]."""
        return list(probabilities)

    @abstractmethod
    def confidence(self, predicted: Value, probabilities: Sequence[float]) -> float | None:
        """Return how certain the model is of its prediction, 0..1; None in regression."""

    @abstractmethod
    def fit(self, gold: Value | None, predicted: Value, probabilities: Sequence[float]) -> float:
        """Return how well a prediction fits the gold value, for an order: the smallest first, the worst comes first.

        Without a gold value it is the confidence, and in regression 0.
        """

    @abstractmethod
    def strata(self, golds: Sequence[Value | None]) -> list[int]:
        """Return the stratum of each document, for samples in proportion; `UNLABELLED` without a gold value."""

    @abstractmethod
    def order(self, value: Value) -> Hashable:
        """Return the key by which tables sort gold values and predictions."""

    @abstractmethod
    def spell(self, value: Value) -> str:
        """Return a gold value or a prediction as text."""

    def named(self, value: Value | None) -> Any:  # noqa: ANN401 - a name, names or a number
        """Return a gold value or a prediction with names for indices; None where it is not known."""
        return None if value is None else self.spell(value)

    @abstractmethod
    def strength(self, outputs: Floats, predicted: Value) -> Floats:
        """Return what evidence follows: the probability of a prediction, or the predicted value.

        Args:
            outputs: Activated outputs, the mean over the windows of a document, [..., output].
            predicted: The prediction.

        Returns:
            [...], 0..1 in classification.
        """

    def falls(self, whole: Floats, changes: Floats, predicted: Value) -> Floats:
        """Return how far `strength` falls; negative where it rises.

        Args:
            whole: Activated outputs of the whole document, [output].
            changes: Those without some tokens, minus `whole`, [..., output].
            predicted: The prediction of the whole document.

        Returns:
            [...].
        """
        fallen: Floats = self.strength(whole, predicted) - self.strength(whole + changes, predicted)
        return fallen

    def dependence(self, falls: Floats) -> Floats:
        """Return how far the prediction depends on what was removed: the fall; in regression the absolute change."""
        return falls

    def targets(self, gold: Value | None, predicted: Value) -> list[Value]:
        """Return the values whose log probability has gradients: the prediction, then the gold value if it differs."""
        return [predicted] if gold is None or gold == predicted else [predicted, gold]
