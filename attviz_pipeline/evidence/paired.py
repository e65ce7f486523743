"""Means over documents with 95 % intervals, and tests of paired differences."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline import stats
from attviz_pipeline.analysis.inference import ratio_variance, t_interval
from attviz_pipeline.tasks.task import Task

Floats = NDArray[np.float64]


class Mean(NamedTuple):
    """A mean over documents."""

    value: float | None
    """None without documents."""
    low: float | None
    """Lower 95 % bound; None with fewer than two input rows."""
    high: float | None
    """Upper 95 % bound."""
    p: float | None
    """Of a mean of 0; None with fewer than two input rows, or if all of them have the same value other than 0."""


class Group(NamedTuple):
    """Documents that are described together."""

    grouping: str
    """all, gold, or correct (right predictions against all others)."""
    group: str
    """Empty, the class or label, or `right` or `wrong`."""
    members: NDArray[np.bool_]
    """[document]."""


NOTHING = Mean(None, None, None, None)


def mean_of(values: Floats, sources: Sequence[str]) -> Mean:
    """Return the mean of documents, with an interval and a test by Student's t over input rows.

    Args:
        values: One per document; NaN is left out.
        sources: The input row of each document: documents of one row are not independent.

    Sources: Student 1908; Cochran 1977, chapter 6, for input rows with several documents.
    """
    there = ~np.isnan(values)
    if not there.any():
        return NOTHING
    _, rows = np.unique(np.asarray(sources, dtype=object)[there].astype(str), return_inverse=True)
    sums, counts = np.bincount(rows, weights=values[there]), np.bincount(rows).astype(np.float64)
    m, total = len(counts), counts.sum()
    mean = sums.sum() / total
    variance = ratio_variance(
        np.array((sums**2).sum()), np.array((sums * counts).sum()), np.array((counts**2).sum()), mean, total
    )
    if m < 2:
        return Mean(float(mean), None, None, None)
    low, high = t_interval(np.array(mean), variance, np.array(m))
    error = float(np.sqrt(variance * m / (m - 1)))
    # Without any spread, t is undefined, and only a mean of 0 is clearly no finding.
    undefined = None if mean else 1.0
    p = float(2 * stats.t_sf(abs(mean) / error, m - 1)) if error else undefined
    return Mean(float(mean), float(low), float(high), p)


def groups_of(task: Task[Any], golds: Sequence[Any], predictions: Sequence[Any]) -> Iterator[Group]:
    """Yield all documents, those with each gold class or label, and those with right and other predictions.

    None is empty. In regression, there are all documents only.

    Args:
        task: The task of the study.
        golds: Gold values, None where unknown, [document].
        predictions: Predictions, [document].
    """
    members = [() if gold is None else task.labels_in(gold) for gold in golds]
    outcomes = [task.outcome(gold, predicted) for gold, predicted in zip(golds, predictions, strict=True)]
    yield Group("all", "", np.ones(len(golds), dtype=bool))
    groups = [("gold", name, [label in labels for labels in members]) for label, name in enumerate(task.label_names)]
    groups.append(("correct", "right", [outcome == "right" for outcome in outcomes]))
    groups.append(("correct", "wrong", [outcome not in ("right", None) for outcome in outcomes]))
    yield from (Group(grouping, name, np.array(found)) for grouping, name, found in groups if any(found))
