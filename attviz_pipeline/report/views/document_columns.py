"""What lists of documents show of each document, declared once.

The table of the index, the rows of its script, the script's own columns and the sentence that explains them follow from
`NUMBERS`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]
SOURCES = ["position", "id", "text", "label", "prediction", "probabilities", "n_tokens", "mean"]
"""Columns of schema DOCUMENT_INDEX that lists of documents are made of."""


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers.

    Args:
        title: Title of the column.
        of: Computes the number from the `SOURCES` of one document; None if `DocumentScores` has it.
        written: How the number is written: a filter of `formats.py`, and a function of `core/formats.js`.
        rounded: Rounds the number for the rows of the script.
        is_score: Whether the reader can choose it for the last column.
        note: Its definition, for the sentence above the table.
        key: Its name in the rows of the script, if different from its name in addresses.
    """

    title: str
    of: Callable[[Row], float] | None = None
    written: str = "significant"
    rounded: Callable[[float], float] = float
    is_score: bool = False
    note: str = ""
    key: str = ""


def confidence(row: Row) -> float:
    """Probability of the predicted class, 0..1."""
    value: float = row["probabilities"][row["prediction"]]
    return value


def margin(row: Row) -> float:
    """Probability of the most probable class minus that of the second, 0..1."""
    first, *others = sorted(row["probabilities"], reverse=True)
    return float(first - others[0] if others else first)


def to_decimals(share: float) -> float:
    """A share with four decimals."""
    return round(share, 4)


NUMBERS: Mapping[str, NumberColumn] = {
    "confidence": NumberColumn("Confidence", confidence, written="percent", rounded=to_decimals),
    "length": NumberColumn("Tokens", lambda row: int(row["n_tokens"]), written="count", rounded=int, key="tokens"),
    "mean": NumberColumn(
        "Mean",
        lambda row: float(row["mean"]),
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

STATIC = [*(name for name, column in NUMBERS.items() if not column.is_score), "mean"]
"""What a table without scripts shows."""


def rows_of(documents: Sequence[Row]) -> dict[str, list[float]]:
    """The numbers of some documents as columns for the page's script; without those of `DocumentScores`."""
    return {
        column.key or name: [column.rounded(column.of(row)) for row in documents]
        for name, column in NUMBERS.items()
        if column.of
    }


def headings() -> list[dict[str, str]]:
    """What the script knows of the columns that are always shown."""
    return [
        {"name": name, "title": column.title, "key": column.key or name, "written": column.written}
        for name, column in NUMBERS.items()
        if not column.is_score
    ]
