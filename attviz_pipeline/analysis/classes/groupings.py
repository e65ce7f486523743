"""The groupings of each task: how its documents are compared."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from attviz_pipeline import stats
from attviz_pipeline.analysis.classes.groups import NO_GROUP, Grouping
from attviz_pipeline.analysis.lists import members
from attviz_pipeline.analysis.terms.corpus import Documents
from attviz_pipeline.tasks.regression import Regression

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

SMALLEST_GROUP = 2
FEWEST_VALUES = 5
"""Minimum number of documents for a rank correlation at equal length to have an interval."""


def groupings(documents: Documents) -> list[Grouping]:
    """Return every way in which the documents of a task are compared, gold first."""
    return BY_TASK[documents.facts["task"]](documents)


def of_classes(documents: Documents) -> list[Grouping]:
    """Group the documents by gold class, by predicted class, and into misclassified and correctly classified."""
    names = documents.facts["label_names"]
    gold, predicted = (
        np.where(_has_terms(documents), pc.fill_null(documents.table[column], NO_GROUP).to_numpy(), NO_GROUP).astype(
            np.int64
        )
        for column in ("label", "prediction")
    )
    correct = np.where((gold >= 0) & (predicted >= 0), (gold == predicted).astype(np.int64), NO_GROUP)
    return [
        by_group("gold", names, _one_of(gold, len(names)), gold >= 0),
        by_group("predicted", names, _one_of(predicted, len(names)), predicted >= 0),
        by_group("correct", ["wrong", "right"], _one_of(correct, 2), correct >= 0),
    ]


def of_labels(documents: Documents) -> list[Grouping]:
    """Group the documents by each gold label, by each predicted label, and by whether all labels are right."""
    names = documents.facts["label_names"]
    (gold, has_gold), (predicted, has_prediction) = (
        _label_sets(documents, column, len(names)) for column in ("labels", "predictions")
    )
    known = has_gold & has_prediction
    right = (gold == predicted).all(axis=1)
    return [
        by_group("gold", names, gold, has_gold),
        by_group("predicted", names, predicted, has_prediction),
        by_group("correct", ["not right", "all right"], np.column_stack([~right, right]), known),
    ]


def of_values(documents: Documents) -> list[Grouping]:
    """Compare the documents by their gold value, their predicted value, and their absolute error."""
    gold, predicted = (
        pc.fill_null(documents.table[column], np.nan).to_numpy() for column in ("value", "predicted_value")
    )
    has_terms = _has_terms(documents)
    values = {"gold": gold, "predicted": predicted, "error": np.abs(predicted - gold)}
    return [
        by_value(name, Regression.compared[name], value, has_terms & ~np.isnan(value)) for name, value in values.items()
    ]


"""What the values of a regression are called, by grouping."""

BY_TASK: Mapping[str, Callable[[Documents], list[Grouping]]] = {
    "single_label": of_classes,
    "multi_label": of_labels,
    "regression": of_values,
}


def documents_of_groups(documents: Documents) -> tuple[str, Mask]:
    """Return which documents have which gold class or label, or predicted one if no gold value is known.

    Returns:
        `gold` or `predicted`, and [document, class or label]; without any column where the task has values.
    """
    n_labels, task = len(documents.facts["label_names"]), documents.facts["task"]
    if task == Regression.name:
        return "gold", np.zeros((len(documents.row), 0), np.bool_)
    columns = ("labels", "predictions") if task == "multi_label" else ("label", "prediction")
    is_known = documents.table[columns[0]].null_count < len(documents.row)
    grouping, column = ("gold", columns[0]) if is_known else ("predicted", columns[1])
    if task == "multi_label":
        return grouping, members(documents.table[column], n_labels)
    return grouping, _one_of(pc.fill_null(documents.table[column], NO_GROUP).to_numpy(), n_labels)


def by_group(name: str, groups: Sequence[str], inside: Mask, known: Mask) -> Grouping:
    """Compare the documents of each group with all others.

    Args:
        name: The grouping's.
        groups: Names of the groups.
        inside: Which documents are in which groups, [document, group].
        known: Of which documents this is known, [document].
    """
    sizes = inside[known].sum(axis=0)
    usable = (sizes >= SMALLEST_GROUP) & (known.sum() - sizes >= SMALLEST_GROUP)
    reasons = [
        f"{name} {group}: {size:,} of {known.sum():,} documents; two inside and two outside are needed"
        for group, size, fit in zip(groups, sizes.tolist(), usable.tolist(), strict=True)
        if not fit
    ]
    compared = inside[:, usable] & known[:, None]
    in_any = compared.any(axis=1)
    number = np.full(len(known), NO_GROUP, np.int64)
    # The first group first, so that the numbers of classes are their order.
    found, places = np.unique(~compared[in_any], axis=0, return_inverse=True)
    number[in_any] = places
    names = [group for group, fit in zip(groups, usable, strict=True) if fit]
    return Grouping(name, names, number, (~found).astype(np.float64), known, reasons)


def by_value(name: str, value_name: str, value: Floats, known: Mask) -> Grouping:
    """Compare the documents by a value.

    Args:
        name: The grouping's.
        value_name: The value's.
        value: [document].
        known: Which documents have one, [document].
    """
    n_known = int(known.sum())
    distinct, place = np.unique(value[known], return_inverse=True)
    reason = (
        f"{name} {value_name}: {n_known:,} of {n_known:,} documents; {FEWEST_VALUES} with two different values or more "
        "are needed"
    )
    fit = n_known >= FEWEST_VALUES and len(distinct) > 1
    number = np.full(len(known), NO_GROUP, np.int64)
    number[known] = place
    ranks = stats.rankdata(value[known]) - (n_known + 1) / 2
    weights = np.zeros((len(distinct), 1))
    weights[place, 0] = ranks
    return Grouping(name, [value_name] if fit else [], number, weights, known, [] if fit else [reason], "rho")


def _has_terms(documents: Documents) -> Mask:
    """Return which documents have a term: others have no value to compare."""
    has_terms: Mask = documents.table["n_terms"].to_numpy() > 0
    return has_terms


def _one_of(number: Integers, n_groups: int) -> Mask:
    one: Mask = number[:, None] == np.arange(n_groups)
    return one


def _label_sets(documents: Documents, column: str, n_labels: int) -> tuple[Mask, Mask]:
    """Return which labels a document has, [document, label], and of which this is known, [document]."""
    known = _has_terms(documents) & pc.is_valid(documents.table[column]).to_numpy()
    return members(documents.table[column], n_labels), known
