"""What lists of documents show of each document, declared once.

The table of the index, the rows of its script, the script's own columns and the sentence that explains them follow from
`NUMBERS`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from attviz_pipeline.artifacts.schema import GOLD_NAMES, PREDICTED_NAMES
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.tasks.task import Task

Row = Mapping[str, Any]
AnyTask = Task[Any]
SOURCES = ["position", "id", "text", *GOLD_NAMES, *PREDICTED_NAMES, "probabilities", "n_tokens", "mean"]
"""Columns of schema DOCUMENT_INDEX that lists of documents are made of."""


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers.

    Args:
        title: Title of the column.
        of: Computes the number from the task and the `SOURCES` of one document, None where there is none;
            None if `DocumentScores` has it.
        written: How the number is written: a filter of `formats.py`, and a function of `core/formats.js`.
        rounded: Rounds the number for the rows of the script.
        is_score: Whether the reader can choose it for the last column.
        note: Its definition, for the sentence above the table.
        key: Its name in the rows of the script, if different from its name in addresses.
        fits: Whether the documents of a study have it.
        by_size: Whether it is sorted by its absolute value.
    """

    title: str
    of: Callable[[AnyTask, Row], float | None] | None = None
    written: str = "significant"
    rounded: Callable[[float], float] = float
    is_score: bool = False
    note: str = ""
    key: str = ""
    fits: Callable[[StudyView], bool] = lambda study: True  # noqa: ARG005 - most columns fit every study
    by_size: bool = False


def confidence(task: AnyTask, row: Row) -> float | None:
    """How certain the model is of its prediction, 0..1; None in regression."""
    return task.confidence(task.predicted(row), row["probabilities"])


def error(task: AnyTask, row: Row) -> float | None:
    """Predicted minus gold value; None where it is not known."""
    return task.error(task.gold(row), task.predicted(row))


def length(task: AnyTask, row: Row) -> float:  # noqa: ARG001 - as every column
    """Number of tokens."""
    return int(row["n_tokens"])


def mean(task: AnyTask, row: Row) -> float:  # noqa: ARG001 - as every column
    """Mean self-attention."""
    return float(row["mean"])


def margin(task: AnyTask, row: Row) -> float:  # noqa: ARG001 - as every column
    """Probability of the most probable class minus that of the second, 0..1."""
    first, *others = sorted(row["probabilities"], reverse=True)
    return float(first - others[0] if others else first)


def to_decimals(share: float) -> float:
    """A share with four decimals."""
    return round(share, 4)


def to_digits(value: float) -> float:
    """A number with six significant digits."""
    return float(f"{value:.6g}")


NUMBERS: Mapping[str, NumberColumn] = {
    "error": NumberColumn(
        "Error",
        error,
        written="signed",
        rounded=to_digits,
        fits=lambda study: not study.task.has_confidence and study.n_labelled > 0,
        by_size=True,
    ),
    "confidence": NumberColumn(
        "Confidence",
        confidence,
        written="percent",
        rounded=to_decimals,
        fits=lambda study: study.task.has_confidence,
    ),
    "length": NumberColumn("Tokens", length, written="count", rounded=int, key="tokens"),
    "mean": NumberColumn(
        "Mean",
        mean,
        rounded=lambda value: float(f"{value:.3g}"),
        is_score=True,
        note="self-attention, averaged over heads and non-special tokens",
    ),
    "margin": NumberColumn(
        "Margin",
        margin,
        rounded=to_decimals,
        is_score=True,
        note="probability of the predicted class minus that of the second class",
        fits=lambda study: study.task.has_confidence and not study.task.many_labels,
    ),
    "entropy": NumberColumn(
        "Entropy", is_score=True, note="entropy of a token's self-attention over heads, averaged over tokens"
    ),
    "special": NumberColumn(
        "On special",
        is_score=True,
        note="share of the attention of non-special tokens that goes to [CLS] and [SEP], averaged over heads",
    ),
}
"""By the name that addresses and style sheets give them, in the order of the table and of the choice of scores."""


def numbers_of(study: StudyView) -> dict[str, NumberColumn]:
    """The columns that the documents of a study have."""
    return {name: column for name, column in NUMBERS.items() if column.fits(study)}


def static_of(study: StudyView) -> dict[str, NumberColumn]:
    """The columns that a table without scripts shows."""
    columns = numbers_of(study)
    return {name: one for name, one in columns.items() if not one.is_score} | {"mean": columns["mean"]}


def rows_of(documents: Sequence[Row], study: StudyView) -> dict[str, list[float | None]]:
    """The numbers of some documents as columns for the page's script; without those of `DocumentScores`."""
    return {
        column.key or name: [_rounded(column, column.of(study.task, row)) for row in documents]
        for name, column in numbers_of(study).items()
        if column.of
    }


def _rounded(column: NumberColumn, value: float | None) -> float | None:
    return None if value is None else column.rounded(value)


def headings(study: StudyView) -> list[dict[str, Any]]:
    """What the script knows of the columns that are always shown."""
    return [
        {"name": name, "title": column.title, "key": column.key or name, "written": column.written}
        | ({"by_size": True} if column.by_size else {})
        for name, column in numbers_of(study).items()
        if not column.is_score
    ]
