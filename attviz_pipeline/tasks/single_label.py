"""Single-label classification: every document has exactly one class."""

from collections.abc import Sequence
from typing import Any

from attviz_pipeline.tasks.measured import Scale
from attviz_pipeline.tasks.task import UNLABELLED, Floats, Task


class SingleLabel(Task[int]):
    """A gold value and a prediction are class indices; the prediction is the most probable class."""

    name = "single_label"
    title = "single-label classification"
    noun, nouns = "class", "classes"
    problem_type = "single_label_classification"
    activation = "softmax"
    gold_column = "label"
    predicted_column = "prediction"
    outcomes = ("right", "wrong")
    outcome_names = ("correct", "misclassified")
    scale = Scale(
        predicted="the predicted class",
        gold="the gold class",
        given="the probability that {model} gives to the predicted class",
        fall_of="the probability of the predicted class",
        short="the probability",
        fall="fall",
        log="the log probability of the predicted class",
        gold_log="the log probability of the gold class",
        log_short="log probability",
        log_name="ln p",
        log_unit="nats",
        measures={"accuracy": "accuracy", "agreement": "the share of predictions like those of the whole model"},
        strata="the gold classes",
        towards=("speak for the predicted class", "against it"),
        groups={"right": "correctly classified", "wrong": "misclassified"},
        flip=("prediction", "flips", "flip"),
    )

    @property
    def evidence_facts(self) -> dict[str, Any]:
        """None: tables of evidence without facts of a task are of this one."""
        return {}

    def predict(self, outputs: Sequence[float]) -> dict[str, Any]:
        """Predict the most probable class, the first of equals."""
        values = list(outputs)
        return {"prediction": values.index(max(values)), "probabilities": values}

    def labels_in(self, value: int) -> tuple[int, ...]:
        """Return the class alone."""
        return (value,)

    def confidence(self, predicted: int, probabilities: Sequence[float]) -> float:
        """Return the probability of the predicted class."""
        return probabilities[predicted]

    def fit(self, gold: int | None, predicted: int, probabilities: Sequence[float]) -> float:
        """Return the probability of the gold class."""
        return probabilities[predicted if gold is None else gold]

    def strata(self, golds: Sequence[int | None]) -> list[int]:
        """Return the classes."""
        return [UNLABELLED if gold is None else gold for gold in golds]

    def order(self, value: int) -> int:
        """Sort by the order of the classes."""
        return value

    def spell(self, value: int) -> str:
        """Return the name of the class."""
        return self.label_names[value]

    def strength(self, outputs: Floats, predicted: int) -> Floats:
        """Return the probability of the predicted class."""
        probability: Floats = outputs[..., predicted]
        return probability

    def falls(self, whole: Floats, changes: Floats, predicted: int) -> Floats:  # noqa: ARG002 - they are differences
        """Return its fall, without the rounding of two more sums."""
        fallen: Floats = 0 - changes[..., predicted]
        return fallen
