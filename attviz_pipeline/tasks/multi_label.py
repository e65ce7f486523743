"""Multi-label classification: every document has any number of labels."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from attviz_pipeline.tasks.measured import EvidenceColumns, Scale
from attviz_pipeline.tasks.task import UNLABELLED, Floats, Outcome, Task

NO_LABEL = "no label"
SEPARATOR = "; "


class MultiLabel(Task[tuple[int, ...]]):
    """A gold value and a prediction are ascending label indices; a label is predicted from its threshold on."""

    name = "multi_label"
    title = "multi-label classification"
    noun, nouns = "label", "labels"
    problem_type = "multi_label_classification"
    activation = "sigmoid"
    gold_column = "labels"
    predicted_column = "predictions"
    outcomes = ("right", "partly_right", "wrong")
    outcome_names = ("correct", "partly correct", "wrong")
    many_labels = True
    scale = Scale(
        predicted="the predicted label set",
        gold="the gold label set",
        given="the probability that {model} gives to the predicted label set",
        fall_of="the probability of the predicted label set",
        short="the probability",
        fall="fall",
        log="the log probability of the predicted label set",
        gold_log="the log probability of the gold label set",
        log_short="log probability",
        log_name="ln p",
        log_unit="nats",
        measures={"accuracy": "exact match", "agreement": "the share of predictions like those of the whole model"},
        strata="the rarest gold label of each document",
        towards=("speak for the predicted label set", "against it"),
        groups={"right": "all labels right", "wrong": "not all labels right"},
        flip=("predicted label set", "changes", "change"),
    )
    evidence = EvidenceColumns(without_head="head_predictions")

    @property
    def facts(self) -> dict[str, Any]:
        """What tables and cards say of the task; `thresholds` where a model predicts."""
        return super().facts | ({"thresholds": list(self.thresholds)} if self.thresholds else {})

    def _value(self, cell: Sequence[int] | None) -> tuple[int, ...] | None:
        return None if cell is None else tuple(int(label) for label in cell)

    def target(self, gold: tuple[int, ...]) -> list[float]:
        """Return 1 for each label that the document has and 0 for the others, [label]."""
        return [float(label in gold) for label in range(len(self.label_names))]

    def of_target(self, target: Sequence[float]) -> tuple[int, ...]:
        """Return the labels with a 1."""
        return tuple(label for label, has in enumerate(target) if has)

    def predict(self, outputs: Sequence[float]) -> dict[str, Any]:
        """Predict each label with at least the probability of its threshold."""
        pairs = enumerate(zip(outputs, self.thresholds, strict=True))
        return {"predictions": [label for label, (p, least) in pairs if p >= least], "probabilities": list(outputs)}

    def labels_in(self, value: tuple[int, ...]) -> tuple[int, ...]:
        """Return the labels."""
        return value

    def outcome(self, gold: tuple[int, ...] | None, predicted: tuple[int, ...]) -> Outcome | None:
        """Return right if the sets are equal, partly right if they share a label, else wrong."""
        if gold is None or gold == predicted:
            return None if gold is None else "right"
        return "partly_right" if set(gold) & set(predicted) else "wrong"

    def confidence(self, predicted: tuple[int, ...], probabilities: Sequence[float]) -> float:
        """Return the least probable decision: p of a predicted label, 1 - p of any other."""
        return min(p if label in predicted else 1 - p for label, p in enumerate(probabilities))

    def fit(self, gold: tuple[int, ...] | None, predicted: tuple[int, ...], probabilities: Sequence[float]) -> float:
        """Return the same of the gold labels."""
        return self.confidence(predicted if gold is None else gold, probabilities)

    def strata(self, golds: Sequence[tuple[int, ...] | None]) -> list[int]:
        """Return each document's rarest label; one more stratum for documents with an empty set."""
        counts = Counter(label for gold in golds for label in gold or ())
        empty = len(self.label_names)
        return [
            UNLABELLED if gold is None else min(gold, key=lambda label: (counts[label], label), default=empty)
            for gold in golds
        ]

    def order(self, value: tuple[int, ...]) -> tuple[int, ...]:
        """Sort by the first label, then by the second, and so on; an empty set first."""
        return value

    def spell(self, value: tuple[int, ...]) -> str:
        """Return the names of the labels, or `no label`."""
        return SEPARATOR.join(self.label_names[label] for label in value) or NO_LABEL

    def named(self, value: tuple[int, ...] | None) -> tuple[str, ...] | None:
        """Return the names of the labels."""
        return None if value is None else tuple(self.label_names[label] for label in value)

    def strength(self, outputs: Floats, predicted: tuple[int, ...]) -> Floats:
        """Return the probability of the label set: the product of p of its labels and 1 - p of the others."""
        inside = np.isin(np.arange(outputs.shape[-1]), predicted)
        product: Floats = np.where(inside, outputs, 1 - outputs).prod(axis=-1)
        return product
