"""The type of a file format, and columns that several formats share."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa


@dataclass(frozen=True)
class Schema:
    """One artifact: a Parquet table (`arrow` lists its columns) or a JSON file (`arrow` is empty).

    A table whose columns depend on the task has those of single-label classification in `arrow`, and all columns of
    each other task in `of_tasks`, by its name.
    """

    name: str
    version: int
    stage: str
    description: str
    arrow: pa.Schema = field(default_factory=lambda: pa.schema([]))
    of_tasks: Mapping[str, pa.Schema] = field(default_factory=dict, hash=False)

    @property
    def identifier(self) -> str:
        """Name and version as written into the file, for example `attviz/attention/1`."""
        return f"attviz/{self.name}/{self.version}"

    def of(self, task: str) -> "Schema":
        """Return the schema with the columns of a task."""
        return replace(self, arrow=self.of_tasks.get(task, self.arrow), of_tasks={})

    def table(self, columns: Mapping[str, Any]) -> pa.Table:
        """Return rows, given as columns in any order; a nullable one that is left out is all null."""
        n_rows = len(columns[self.arrow[0].name])
        given = {f.name: pa.nulls(n_rows, f.type) for f in self.arrow if f.nullable} | dict(columns)
        return pa.table({f.name: pa.array(given[f.name], f.type) for f in self.arrow})


def column(name: str, arrow_type: pa.DataType, description: str, *, nullable: bool = False) -> pa.Field:
    """Return a column with its description."""
    return pa.field(name, arrow_type, nullable=nullable, metadata={"description": description})


def list_of(value_type: pa.DataType) -> pa.DataType:
    """Return the type of lists of values that are never null."""
    return pa.list_(pa.field("element", value_type, nullable=False))


IDENTITY = [
    column("position", pa.int64(), "Position in the site's order, 0-based; the name of the document's page"),
    column("id", pa.string(), "Document id, unique; a segment's id is `<source_id>#<number>`"),
    column("source_id", pa.string(), "Id of the input row that contains the document"),
    column("split", pa.string(), "train, validation or test; empty if the source does not say"),
]

_OTHER_TASK = "null if unlabelled, or of another task"
GOLD = [
    column("label", pa.int32(), f"Gold class, index into `label_names` (single_label); {_OTHER_TASK}", nullable=True),
    column(
        "labels",
        list_of(pa.int32()),
        f"Gold labels, ascending indices into `label_names` (multi_label), empty for a document without any; "
        f"{_OTHER_TASK}",
        nullable=True,
    ),
    column("value", pa.float64(), f"Gold value (regression); {_OTHER_TASK}", nullable=True),
]
"""What the dataset says of a document, by task; `attviz_pipeline.tasks` reads it."""

PREDICTED = [
    column(
        "prediction",
        pa.int32(),
        "Predicted class, index into `label_names` (single_label); null for another task",
        nullable=True,
    ),
    column(
        "predictions",
        list_of(pa.int32()),
        "Predicted labels, ascending indices into `label_names` (multi_label): those with at least the probability of "
        "their threshold; null for another task",
        nullable=True,
    ),
    column("predicted_value", pa.float64(), "Predicted value (regression); null for another task", nullable=True),
]
"""What the classifier predicts, by task."""

PROBABILITIES = column(
    "probabilities",
    list_of(pa.float32()),
    "Softmax of the logits, [class] (single_label), or sigmoid of each, [label] (multi_label), 0..1; empty in "
    "regression. For a document in several windows, the mean over them",
)

GOLD_NAMES = [field.name for field in GOLD]
PREDICTED_NAMES = [field.name for field in PREDICTED]
TASK = "`task`, `label_names` (empty in regression)"
PREDICTING_TASK = f"{TASK}, `thresholds` of multi_label, [label]"
"""Facts that say what the columns of gold values and predictions mean; `attviz_pipeline.tasks.task_of` reads them."""

MOMENTS = [
    column("mean", pa.float64(), "Mean self-attention, 0..1"),
    column("std", pa.float64(), "Standard deviation (n - 1); 0 for a single value"),
    column("min", pa.float64(), "Minimum, 0..1"),
    column("max", pa.float64(), "Maximum, 0..1"),
]

PAIR_START = column(
    "pair_start",
    pa.int32(),
    "First character of the second text of a pair in `text`; null if there is no pair",
    nullable=True,
)
