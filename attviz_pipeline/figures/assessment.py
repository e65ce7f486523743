"""Shared by the figures of the classifier's predictions: the assessment, and intervals as text."""

from collections.abc import Callable, Mapping
from typing import Any

from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.figures.drawing import Inputs

NO_GOLD = "No gold label is known, so predictions cannot be evaluated."


def read_assessment(inputs: Inputs) -> dict[str, Any]:
    """Read the artifact `assessment`.

    Raises:
        ArtifactError: It is unusable.
    """
    return files.read_json(inputs.assessment.assessment, statistics_schemas.ASSESSMENT)


def interval(estimate: Mapping[str, float | None], written: Callable[[float], str]) -> str:
    """Write an estimate: 62 % (95 % interval 53 % to 70 %).

    Args:
        estimate: Its `value`, and the bounds `low` and `high`, both None where there is no interval.
        written: Writes each of them.
    """
    value, low, high = (estimate[name] for name in ("value", "low", "high"))
    if value is None:
        return "not defined"
    if low is None or high is None:
        return written(value)
    return f"{written(value)} (95 % interval {written(low)} to {written(high)})"
