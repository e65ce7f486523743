"""What the prediction of a document depends on, as one number per token, for other tools and for the library."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.artifacts import evidence_schemas, files
from attviz_pipeline.artifacts.rows import Row
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.tasks.registry import task_of

Vector = NDArray[np.float32]


class EvidenceVectors:
    """Evidence of documents in any order; all of it is in memory, which grows with the sample."""

    def __init__(self, gradients: Path, leave_one_out: Path) -> None:
        """Read the tables.

        Args:
            gradients: Artifact `gradients`.
            leave_one_out: Artifact `leave_one_out`.

        Raises:
            ArtifactError: One is missing or damaged.
        """
        self._paths = gradients, leave_one_out
        self._gradients = rows_by_position(gradients, evidence_schemas.GRADIENTS, ["id", "gradient_x_input"])
        self._task = task_of(files.read_facts(leave_one_out, evidence_schemas.LEAVE_ONE_OUT))
        columns = ["id", self._task.predicted_column, "places", self._task.evidence.outputs, "changes"]
        self._left_out = rows_by_position(leave_one_out, evidence_schemas.LEAVE_ONE_OUT, columns)

    def of(self, position: int, identifier: str, special: NDArray[np.bool_]) -> dict[str, Vector]:
        """Return what was measured of a document, by the name of the token score.

        Args:
            position: Position of the document.
            identifier: Its id.
            special: True for special tokens, [token].

        Returns:
            `gradient_x_input` of the prediction's log probability, or of the predicted value, [token], where it was
            measured and is finite; and `leave_one_out`, the fall of the prediction's probability, -1..1, or of the
            predicted value, without each token, [token], NaN for special tokens, where it was measured.

        Raises:
            ArtifactError: A table is of other documents.
        """
        found = {
            "gradient_x_input": self._gradient_x_input(position, identifier, special),
            "leave_one_out": self._leave_one_out(position, identifier, special),
        }
        return {name: values for name, values in found.items() if values is not None}

    def _gradient_x_input(self, position: int, identifier: str, special: NDArray[np.bool_]) -> Vector | None:
        row = self._gradients.get(position)
        values: Vector | None = None if row is None else row.found("gradient_x_input")
        if row is not None and (row.scalar("id") != identifier or (values is not None and len(values) != len(special))):
            raise of_others(self._paths[0])
        return values

    def _leave_one_out(self, position: int, identifier: str, special: NDArray[np.bool_]) -> Vector | None:
        row = self._left_out.get(position)
        if row is None:
            return None
        places = row.array("places")
        if row.scalar("id") != identifier or places.tolist() != np.flatnonzero(~special).tolist():
            raise of_others(self._paths[1])
        whole = row.array(self._task.evidence.outputs)
        predicted = self._task.predicted({self._task.predicted_column: row.scalar(self._task.predicted_column)})
        values = np.full(len(special), np.nan, np.float32)
        values[places] = self._task.falls(whole, row.array("changes").reshape(len(places), len(whole)), predicted)
        return values


def rows_by_position(path: Path, schema: Schema, names: list[str]) -> dict[int, Row]:
    """Read some columns of a table of evidence, row by row, by the position of the document.

    Raises:
        ArtifactError: The table is missing or damaged.
    """
    table = files.read_table(path, schema, ["position", *names])
    columns = {name: table.column(name).combine_chunks() for name in names}
    return {position: Row(columns, number) for number, position in enumerate(table["position"].to_pylist())}


def of_others(path: Path) -> ArtifactError:
    """Return the error for a table of evidence that belongs to another run."""
    return ArtifactError(f"{path} is of other documents.", remedy=files.REBUILD)
