"""Read gold values: which task a label column has, and the gold value of every row."""

import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from attviz_pipeline.config.settings import DatasetSettings, TaskName
from attviz_pipeline.dataset.classes import Classes, find_classes
from attviz_pipeline.dataset.labels import FRACTION, Form, form_of_labels, read_label
from attviz_pipeline.dataset.names import quoted
from attviz_pipeline.dataset.rows import Fault, Row, kind_of, label_fault
from attviz_pipeline.errors import DatasetError, Problem
from attviz_pipeline.tasks.multi_label import MultiLabel
from attviz_pipeline.tasks.registry import TASKS
from attviz_pipeline.tasks.regression import Regression
from attviz_pipeline.tasks.single_label import SingleLabel
from attviz_pipeline.tasks.task import Task

UNLABELLED = "-1"
TRUTH = {"0": False, "1": True, "false": False, "true": True}
FITTING: Mapping[TaskName, set[Form]] = {
    "single_label": {"names", "numbers", "none"},
    "multi_label": {"names", "lists", "none"},
    "regression": {"numbers", "measures", "none"},
}
"""What the cells of the label column can be, by task."""

logger = logging.getLogger(__name__)


class LabelSource(NamedTuple):
    """Where labels come from, and what is known of them before the rows are read.

    Args:
        settings: The section `dataset`.
        features: Names of the labels in the dataset's features; empty if it has none.
        needed: True if a model is trained, so that every row needs a gold value.
    """

    settings: DatasetSettings
    features: Sequence[str]
    needed: bool

    @property
    def column(self) -> str:
        """The column, or the columns, for messages."""
        return self.settings.label_column or ", ".join(self.settings.label_columns or ())


def find_task(rows: Sequence[Row], source: LabelSource, given: TaskName | None, of_model: TaskName | None) -> TaskName:
    """Find out the task from the setting, the labels and the model, and check that they agree.

    Args:
        rows: All rows.
        source: Where labels come from.
        given: The setting `task`.
        of_model: What the config.json of a finished model says; None if it says nothing, or a model is fine-tuned.

    Raises:
        DatasetError: They contradict each other; all contradictions are listed.
    """
    settings = source.settings
    form = form_of_labels(rows, settings, named=bool(settings.label_names or source.features))
    found: TaskName = {"lists": "multi_label", "measures": "regression"}.get(form, "single_label")  # type: ignore[assignment]
    if of_model is not None and form in FITTING[of_model] and form != "names":
        found = of_model
    task = given or found
    where = "task" if given else f"column {quoted(source.column)}"
    problems = []
    if settings.label_names is not None and not TASKS[task].has_labels:
        problems.append(Problem("dataset.label_names", "names classes"))
    if form not in FITTING[task]:
        problems.append(Problem(f"column {quoted(source.column)}", f"holds {_FORMS[form]}"))
    if of_model not in {None, task}:
        what = f"config.json says that it was trained for {TASKS[of_model].title}"
        problems.append(Problem("the model", what))
    if problems:
        said = f"`task: {given}`" if given else f"{TASKS[task].title}, since {where} holds {_FORMS[form]}"
        raise DatasetError(f"the study's task is {said}, but:", problems, _remedy(form, of_model))
    logger.info("task: %s (%s)", TASKS[task].title, "as set" if given else f"{source.column or 'no labels'}")
    return task


_FORMS: Mapping[Form, str] = {
    "none": "no labels",
    "names": "one name per row",
    "numbers": "one whole number per row",
    "measures": "numbers that are not whole",
    "lists": "lists of labels",
}


def _remedy(form: Form, of_model: TaskName | None) -> str:
    if of_model == "multi_label" and form in {"names", "numbers"}:
        return (
            "If a cell holds several labels, set `dataset.label_separator`; if each row has exactly one, set "
            "`task: multi_label`."
        )
    return "Correct `task`, or name another label column or another model; or set `task: null` to find it out."


def read_gold(rows: Sequence[Row], name: TaskName, source: LabelSource) -> Task[Any]:
    """Set the gold value of every row; a label that cannot be read is a fault of its row.

    Raises:
        DatasetError: The classes cannot be named, or there are too few of them.
    """
    reader = READERS[name](source)
    for row in rows:
        reader.read(row)
    n_missing = sum(row.unlabelled for row in rows)
    if n_missing and source.settings.label_column is not None:
        logger.warning("%d of %d rows have no gold value: they are analysed as unlabelled", n_missing, len(rows))
    return reader.settle(rows)


class Reader(ABC):
    """Reads the gold values of one task."""

    def __init__(self, source: LabelSource) -> None:
        self.source = source

    def read(self, row: Row) -> None:
        """Replace the cell of a row by its label or labels, or add a fault."""
        missing = row.label is None or row.label == ""
        if missing and not self.source.needed:
            row.label, row.unlabelled = None, True
            return
        fault = Fault(self.source.column, "unreadable_label", "is missing") if missing else self.fault(row)
        if fault:
            # Right after the fault of the text, as the columns of a row are checked in order.
            place = sum(one.column == self.source.settings.text_column for one in row.faults)
            row.faults.insert(place, fault)

    @abstractmethod
    def fault(self, row: Row) -> Fault | None:
        """Read the cell of a row that has one; return why it cannot be used."""

    @abstractmethod
    def settle(self, rows: Sequence[Row]) -> Task[Any]:
        """Set the gold values when all cells are read, and return the task with its names."""


class ClassReader(Reader):
    """Reads one class per row."""

    def fault(self, row: Row) -> Fault | None:
        """Check that the cell can be a label."""
        return label_fault(row.label, self.source.column)

    def settle(self, rows: Sequence[Row]) -> Task[Any]:
        """Look every label up among the classes."""
        self._forgive_minus_one(rows)
        return SingleLabel(_look_up(rows, self.source, lambda row: (row.label,), lambda found: found[0]))

    def _forgive_minus_one(self, rows: Sequence[Row]) -> None:
        """Without training, take -1 for a missing label, unless it is a class."""
        marked = [] if self.source.needed else [row for row in rows if str(row.label) == UNLABELLED]
        given = self.source.settings.label_names
        names = given or self.source.features
        others = {str(row.label) for row in rows if _is_usable(row)} - {UNLABELLED}
        if not marked or (UNLABELLED in names if names else others and not others >= {"0", "1", "2"}):
            return
        logger.warning("%d rows have the label -1: they are analysed as unlabelled", len(marked))
        for row in marked:
            row.label, row.unlabelled = None, True


class LabelSetReader(Reader):
    """Reads any number of labels per row: from a list, a text with a separator, or one column per label."""

    def read(self, row: Row) -> None:
        """Read an empty text with a separator as no label; several columns of empty cells as a missing label."""
        settings = self.source.settings
        if settings.label_separator is not None and row.label == "":
            row.label = ()
            return
        if settings.label_columns and all(cell in (None, "", -1, UNLABELLED) for cell in row.label):
            row.label = None
        super().read(row)

    def fault(self, row: Row) -> Fault | None:
        """Make a tuple of labels of the cell."""
        settings, column = self.source.settings, self.source.column
        if settings.label_columns:
            return self._fault_of_columns(row, settings.label_columns)
        if settings.label_separator is not None:
            if not isinstance(row.label, str):
                return Fault(column, "unreadable_label", f"must be text with labels, got {kind_of(row.label)}")
            cells: Sequence[object] = [part.strip() for part in row.label.split(settings.label_separator)]
        else:
            cells = row.label if isinstance(row.label, list | tuple) else [row.label]
        labels = [read_label(cell) for cell in cells]
        for place, label in enumerate(labels):
            if fault := label_fault(label, column):
                return fault._replace(what=f"label {place + 1} of {len(labels)} {fault.what}")
            if label in labels[:place]:
                return Fault(column, "unreadable_label", f"has the label {quoted(str(label))} twice")
        row.label = tuple(labels)
        return None

    def _fault_of_columns(self, row: Row, names: Sequence[str]) -> Fault | None:
        found = []
        for name, cell in zip(names, row.label, strict=True):
            truth = TRUTH.get(str(read_label(cell)).strip().lower())
            if truth is None:
                missing = cell is None or cell == ""
                what = "is missing" if missing else f"must be 0 or 1, got {quoted(str(cell)[:40])}"
                return Fault(name, "unreadable_label", what)
            found += [name] if truth else []
        row.label = tuple(found)
        return None

    def settle(self, rows: Sequence[Row]) -> Task[Any]:
        """Look every label up among the labels of the corpus."""
        columns = self.source.settings.label_columns
        source = self.source._replace(features=columns) if columns else self.source
        return MultiLabel(_look_up(rows, source, lambda row: row.label, lambda found: tuple(sorted(found))))


class NumberReader(Reader):
    """Reads one number per row."""

    def fault(self, row: Row) -> Fault | None:
        """Convert the cell to a finite number."""
        cell = row.label
        if isinstance(cell, str) and FRACTION.fullmatch(cell.strip()):
            cell = float(cell)
        if isinstance(cell, bool) or not isinstance(cell, int | float | Decimal):
            return Fault(self.source.column, "unreadable_label", f"must be a number, got {_shown(cell)}")
        try:
            row.label = float(cell)
        except OverflowError:
            row.label = math.inf
        if not math.isfinite(row.label):
            return Fault(self.source.column, "unreadable_label", f"must be a finite number, got {str(cell)[:40]}")
        return None

    def settle(self, rows: Sequence[Row]) -> Task[Any]:
        """Take the numbers as they are."""
        usable = [row for row in rows if _is_usable(row)]
        for row in usable:
            row.gold = row.label
        if self.source.needed and len({row.gold for row in usable}) == 1:
            raise DatasetError(
                f"all rows have the same value, {usable[0].gold:g}, so there is nothing to learn.",
                remedy="Check `dataset.label_column`.",
            )
        return Regression()


def _shown(cell: object) -> str:
    return quoted(cell[:40]) if isinstance(cell, str) else kind_of(cell)


READERS: Mapping[TaskName, type[Reader]] = {
    "single_label": ClassReader,
    "multi_label": LabelSetReader,
    "regression": NumberReader,
}


def _is_usable(row: Row) -> bool:
    return not row.unlabelled and all(fault.status != "unreadable_label" for fault in row.faults)


def _look_up(
    rows: Sequence[Row],
    source: LabelSource,
    labels_of: Callable[[Row], Sequence[Any]],
    gold_of: Callable[[Sequence[int]], Any],
) -> tuple[str, ...]:
    """Set the gold value of each row from the classes of its labels, and return the names of the classes."""
    given, features = source.settings.label_names, () if source.settings.label_names else source.features
    labelled = [row for row in rows if _is_usable(row)]
    if not labelled:
        return tuple(dict.fromkeys(given.values() if isinstance(given, dict) else given or features))
    known = (label for row in labelled if not row.faults for label in labels_of(row))
    classes = find_classes(given, features, known)
    for row in labelled:
        indices = [classes.index(label) for label in labels_of(row)]
        if None in indices:
            row.faults.append(Fault(source.column, "unreadable_label", _unknown(classes, labels_of(row), indices)))
        else:
            row.gold = gold_of([index for index in indices if index is not None])
    return classes.names


def _unknown(classes: Classes, labels: Sequence[Any], indices: Sequence[int | None]) -> str:
    return classes.fault(labels[list(indices).index(None)])
