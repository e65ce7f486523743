"""Convert cells of any type to labels."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal

from attviz_pipeline.dataset.rows import Row, label_kind_fault
from attviz_pipeline.errors import DatasetError

FIRST_INEXACT = 2**53
MOST_CLASSES_OF_FRACTIONS = 20
FRACTION = re.compile(r"[-+]?(\d+\.\d*|\.\d+|\d+)([eE][-+]?\d+)?")
LIST_AS_TEXT = re.compile(r"[\[(].*,.*[\])]", re.DOTALL)
REMEDY = "Check `dataset.label_column`; or write the class of each row into a column of its own, and name that."


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


def require_classes(rows: Sequence[Row], column: str, *, named: bool) -> None:
    """Reject a label column of lists or of continuous numbers, which are not classes.

    Args:
        rows: All rows.
        column: The label column, for the message.
        named: True if `dataset.label_names` or the data's features name the classes.

    Raises:
        DatasetError: More than half of the rows have such a label.
    """
    kinds = Counter(kind for row in rows for fault in row.faults if (kind := label_kind_fault(fault)))
    labels = [] if named else [row.label for row in rows if isinstance(row.label, str)]
    kinds["list"] += sum(LIST_AS_TEXT.fullmatch(label) is not None for label in labels)
    kinds["number"] += _n_measured(labels)
    if kinds["list"] > len(rows) / 2:
        what = "lists: a row has one label here, and several labels of a row are not supported yet"
    elif kinds["number"] > len(rows) / 2:
        what = "numbers that are not whole, a quantity and no class: regression is not supported yet"
    else:
        return
    raise DatasetError(f"column {column!r} (`dataset.label_column`) holds {what}.", remedy=REMEDY)


def _n_measured(labels: Iterable[str]) -> int:
    """Count numeric labels; 0 if they have few different values or are all whole, because they can be classes then."""
    numbers = [label for label in labels if FRACTION.fullmatch(label)]
    different = {float(label) for label in numbers}
    measured = len(different) > MOST_CLASSES_OF_FRACTIONS and not all(number.is_integer() for number in different)
    return len(numbers) if measured else 0
