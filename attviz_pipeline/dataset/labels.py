"""Convert cells of any type to labels."""

import math
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from attviz_pipeline.config.settings import DatasetSettings
from attviz_pipeline.dataset.rows import Row
from attviz_pipeline.errors import DatasetError

FIRST_INEXACT = 2**53
MOST_CLASSES_OF_FRACTIONS = 20
FRACTION = re.compile(r"[-+]?(\d+\.\d*|\.\d+|\d+)([eE][-+]?\d+)?")
LIST_AS_TEXT = re.compile(r"[\[(].*,.*[\])]", re.DOTALL)
REMEDY = (
    "Separate the labels of a row by a character, and name it in `dataset.label_separator`; or write the rows as JSON "
    "lines or Parquet, which have lists."
)
Form = Literal["none", "names", "numbers", "measures", "lists"]
"""What the cells of a label column are: names, whole numbers, numbers that are not whole, or lists."""


def read_label(cell: object) -> object:
    """Return the label of a cell: whole numbers as integers, NaN as None, anything else unchanged.

    pandas writes a column of integers with missing values as floats, and databases return decimals.
    """
    if not isinstance(cell, float | Decimal):
        return cell
    if math.isnan(cell):
        return None
    whole = -FIRST_INEXACT < cell < FIRST_INEXACT and cell == int(cell)
    return int(cell) if whole else cell


def spell(label: str | int) -> str:
    """Return a label as text; truth values as `true` and `false`."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def form_of_labels(rows: Sequence[Row], settings: DatasetSettings, *, named: bool) -> Form:
    """Return what most cells of the label column are.

    Args:
        rows: All rows, with their cells.
        settings: The section `dataset`.
        named: True if `dataset.label_names` or the data's features name the classes, so that text is never a number.

    Raises:
        DatasetError: Most cells are lists written as text.
    """
    if settings.label_columns or settings.label_separator is not None:
        return "lists"
    cells = [row.label for row in rows if row.label is not None and row.label != ""]
    if not cells:
        return "none"
    if sum(isinstance(cell, list | tuple) for cell in cells) > len(cells) / 2:
        return "lists"
    if sum(isinstance(cell, str) and LIST_AS_TEXT.fullmatch(cell) is not None for cell in cells) > len(cells) / 2:
        raise DatasetError(
            f"column {settings.label_column!r} (`dataset.label_column`) holds lists written as text.", remedy=REMEDY
        )
    typed = [float(cell) for cell in cells if isinstance(cell, int | float | Decimal) and not isinstance(cell, bool)]
    texts = [] if named else [cell for cell in cells if isinstance(cell, str) and FRACTION.fullmatch(cell)]
    if len(typed) + len(texts) <= len(cells) / 2:
        return "names"
    return "measures" if _measure(typed) or _measure_of_texts(texts) else "numbers"


def _measure(numbers: Sequence[float]) -> bool:
    """Whether numbers are a quantity, not the indices of classes: some are not whole."""
    return not all(number.is_integer() for number in numbers if math.isfinite(number))


def _measure_of_texts(texts: Sequence[str]) -> bool:
    """The same of numbers as text, which name classes if only few are different."""
    different = {float(text) for text in texts}
    return len(different) > MOST_CLASSES_OF_FRACTIONS and _measure(list(different))
