"""How important each head is to the prediction: what switching it off does, and its gradients."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from attviz_pipeline import stats
from attviz_pipeline.artifacts import evidence_schemas, files
from attviz_pipeline.artifacts.layout import EvidencePaths
from attviz_pipeline.formats import significant
from attviz_pipeline.report.views.curve import TickView
from attviz_pipeline.report.views.study import HeadRef, StudyView
from attviz_pipeline.significance import SIGNIFICANT
from attviz_pipeline.tasks.measured import Scale

WIDTH, HEIGHT, MARGIN = 320, 240, 8
MOST_TICKS = 6
N_NAMED = 3
FEWEST_IN_GROUP = 5
"""Documents of a group with an interval and q. Student's t over fewer relies on a normal distribution unchecked."""
SCATTERS = (("gradient", "measured"), ("self_attention", "measured"))
"""Measures across and upwards."""


@dataclass(frozen=True)
class MeanView:
    """A mean over documents with its 95 % interval, q and p; each is None where it cannot be computed."""

    value: float | None
    low: float | None
    high: float | None
    q: float | None = None
    p: float | None = None

    @property
    def significant(self) -> bool:
        """Whether it can be distinguished from zero."""
        return self.q is not None and self.q < SIGNIFICANT


UNKNOWN = MeanView(None, None, None)


@dataclass(frozen=True)
class AblationView:
    """Documents of one group, without one head or without all heads of a layer.

    Args:
        layer: The layer.
        head: The head; None if all heads of the layer are switched off.
        grouping: all, gold, or correct.
        group: The class, right or wrong; empty for all documents.
        page: Page of the group, if it has one.
        n_documents: Documents in the group.
        n_sources: Input rows that these come from.
        n_flips: Documents that get another prediction; None in regression.
        change: Change of the predicted class's or label set's log probability, nats, or of the predicted value.
        gold_change: The same of the gold class or label set, or of the absolute error, where the gold value is known.
        accuracy: Change of the accuracy or of exact match, where the gold value is known, -1..1; unknown in regression.
    """

    layer: int
    head: HeadRef | None
    grouping: str
    group: str
    page: str | None
    n_documents: int
    n_sources: int
    n_flips: int | None
    change: MeanView
    gold_change: MeanView
    accuracy: MeanView


@dataclass(frozen=True)
class CorrelationView:
    """Spearman's rank correlation of two measures over heads; 95 % of random orders have at most `by_chance`."""

    measures: tuple[str, str]
    n_heads: int
    value: float | None
    low: float | None
    high: float | None
    by_chance: float | None


@dataclass(frozen=True)
class PointView:
    """One head of a scatter plot, in drawing units; `named` ones have a label."""

    row: int
    head: HeadRef
    x: float
    y: float
    named: bool


@dataclass(frozen=True)
class ScatterView:
    """Every head by two measures, the first across; axes are logarithmic where all values are above 0."""

    correlation: CorrelationView
    points: list[PointView]
    x_ticks: list[TickView]
    y_ticks: list[TickView]
    logarithmic: tuple[bool, bool]
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True)
class MeasureView:
    """A measure of one head beside those of all heads."""

    value: float
    rank: int
    n_heads: int
    median: float


@dataclass(frozen=True)
class HeadImportance:
    """Importance of all heads to the prediction.

    Args:
        gates: Why no head can be switched off; None if they can.
        ablation: zero or mean: what replaces the output of a head.
        heads: All documents without each head, [row]; empty if none was switched off.
        groups: Other groups of documents without each head, [row][group].
        scale: What is measured.
        by_error: Whether heads are judged by the absolute error, as in regression where a gold value is known, and not
            by the change of the prediction.
        layers: All documents without all heads of each layer.
        measures: The measures that there are, each [row]: measured, gradient, self_attention.
        n_measured: Documents that were read without each head.
        n_gradient: Documents with gradients at heads.
        correlations: Of every two measures.
    """

    gates: str | None
    ablation: str
    heads: list[AblationView]
    groups: list[list[AblationView]]
    layers: list[AblationView]
    measures: dict[str, list[float]]
    n_measured: int
    n_gradient: int
    correlations: list[CorrelationView]
    scale: Scale
    by_error: bool = False

    @property
    def judged_name(self) -> str:
        """What changes without a head that the prediction needs."""
        return self.scale.gold_log if self.by_error else self.scale.log

    def judged(self, one: AblationView) -> MeanView:
        """The change that says whether the prediction needs a head."""
        return one.gold_change if self.by_error else one.change

    def measure(self, name: str, row: int) -> MeasureView | None:
        """Compare a head with all heads by one measure; None if there is none."""
        values = self.measures.get(name)
        if values is None:
            return None
        rank = 1 + sum(other > values[row] for other in values)
        return MeasureView(values[row], rank, len(values), float(np.median(values)))

    def correlation(self, first: str, second: str) -> CorrelationView | None:
        """Find the correlation of two measures; None if one is missing."""
        return next((one for one in self.correlations if set(one.measures) == {first, second}), None)

    def by_need(self) -> list[AblationView]:
        """Heads, first those without which the log probability or the value falls most, or the error rises most."""
        sign = -1 if self.by_error else 1

        def place(one: AblationView) -> float:
            value = self.judged(one).value
            return math.inf if value is None else sign * value

        return sorted(self.heads, key=place)


def read_importance(evidence: EvidencePaths | None, study: StudyView) -> HeadImportance | None:
    """Read how important heads are; None without evidence.

    Raises:
        ArtifactError: A table is missing or damaged.
    """
    if evidence is None:
        return None
    facts = files.read_facts(evidence.head_ablations, evidence_schemas.HEAD_ABLATIONS)
    rows = list(_ablations(evidence.head_ablations, study))
    groups: list[list[AblationView]] = [[] for _ in range(study.n_rows)]
    for row in _adjusted_over_groups([row for row in rows if row.head is not None and row.grouping != "all"]):
        if row.head is not None:
            groups[row.layer * study.n_heads + row.head.head].append(row)
    everyone = [row for row in rows if row.grouping == "all"]
    table = files.read_table(evidence.head_importance, evidence_schemas.HEAD_IMPORTANCE).to_pydict()
    ranked = files.read_facts(evidence.head_importance, evidence_schemas.HEAD_IMPORTANCE)
    names = ("measured", "gradient", "self_attention")
    return HeadImportance(
        gates=facts["gates"],
        ablation=facts["ablation"],
        heads=[row for row in everyone if row.head is not None],
        groups=groups,
        layers=[row for row in everyone if row.head is None],
        measures={name: table[name] for name in names if None not in table[name]},
        n_measured=ranked["n_measured"],
        n_gradient=ranked["n_gradient"],
        correlations=[
            CorrelationView(tuple(entry["measures"]), **{name: entry[name] for name in _CORRELATION})
            for entry in ranked["correlations"]
        ],
        scale=study.task.scale,
        by_error=not study.task.outcomes and any(row.gold_change.value is not None for row in everyone),
    )


def _adjusted_over_groups(rows: Sequence[AblationView]) -> list[AblationView]:
    """Replace q of groups of documents by one over all heads and all groups of the same grouping.

    The q of the table is of one group alone, so that among many classes one would be found by chance.

    Source: Benjamini & Hochberg 1995.
    """
    adjusted = list(rows)
    for grouping in {row.grouping for row in rows}:
        mine = [number for number, row in enumerate(rows) if row.grouping == grouping]
        changes = _adjusted([rows[number].change for number in mine])
        gold_changes = _adjusted([rows[number].gold_change for number in mine])
        for number, change, gold_change in zip(mine, changes, gold_changes, strict=True):
            adjusted[number] = replace(rows[number], change=change, gold_change=gold_change)
    return adjusted


def _adjusted(means: Sequence[MeanView]) -> list[MeanView]:
    """Adjust p of means together; those without p were not tested."""
    p = [mean.p for mean in means if mean.p is not None]
    q: Iterator[float] = iter(stats.false_discovery_control(p).tolist() if p else [])
    return [mean if mean.p is None else replace(mean, q=float(next(q))) for mean in means]


_CORRELATION = ("n_heads", "value", "low", "high", "by_chance")


def _ablations(path: Path, study: StudyView) -> Iterator[AblationView]:
    for row in files.read_table(path, evidence_schemas.HEAD_ABLATIONS).to_pylist():
        whole_layer = row["head"] is None
        yield AblationView(
            layer=row["layer"],
            head=None if whole_layer else study.head_of(row["layer"] * study.n_heads + row["head"]),
            grouping=row["grouping"],
            group=row["group"],
            page=None if row["grouping"] == "all" else study.group_page(row["grouping"], row["group"]),
            n_documents=row["n_documents"],
            n_sources=row["n_sources"],
            n_flips=round(row["flips"] * row["n_documents"]) if study.task.outcomes else None,
            change=_mean(row, "change"),
            gold_change=_mean(row, "gold_change"),
            accuracy=_mean(row, "accuracy_change") if study.task.outcomes else UNKNOWN,
        )


def _mean(row: dict[str, Any], name: str) -> MeanView:
    if row["grouping"] != "all" and row["n_documents"] < FEWEST_IN_GROUP:
        return MeanView(row[name], None, None)
    return MeanView(*(row[f"{name}{end}"] for end in ("", "_low", "_high", "_q", "_p")))


def table_columns(importance: HeadImportance, study: StudyView) -> dict[str, list[Any]]:
    """Put together what the table of heads and layers is sorted and filtered by, column by column.

    Returns:
        One value per row of the table, heads before layers, None where there is none: `head` (its row number), `change`
        and `gold_change` (nats, or the unit of the value) with their `q` and `gold_q`, `judged` (the one that says
        whether the prediction needs the head), `clear` (its q is below the level), `flips`, and the importances
        `measured` and `gradient`.
    """
    rows = [*importance.by_need(), *importance.layers]
    heads = [None if row.head is None else row.layer * study.n_heads + row.head.head for row in rows]

    def measure(name: str) -> list[float | None]:
        values = importance.measures.get(name)
        return [None if values is None or head is None else values[head] for head in heads]

    return {
        "head": heads,
        "change": [row.change.value for row in rows],
        "q": [row.change.q for row in rows],
        "judged": [importance.judged(row).value for row in rows],
        "clear": [importance.judged(row).significant for row in rows],
        "gold_change": [row.gold_change.value for row in rows],
        "gold_q": [row.gold_change.q for row in rows],
        "flips": [row.n_flips for row in rows],
        "measured": measure("measured"),
        "gradient": measure("gradient"),
    }


def scatters(importance: HeadImportance, study: StudyView) -> list[ScatterView]:
    """Draw measured importance against the other measures, where there are both."""
    drawn = []
    for across, upwards in SCATTERS:
        correlation = importance.correlation(across, upwards)
        if correlation is not None and study.n_rows > 1:
            values = importance.measures[across], importance.measures[upwards]
            drawn.append(_scatter(*values, correlation, study))
    return drawn


def _scatter(x: Sequence[float], y: Sequence[float], correlation: CorrelationView, study: StudyView) -> ScatterView:
    across, upwards = _Axis(x, WIDTH), _Axis(y, HEIGHT)
    largest = sorted(range(len(y)), key=lambda row: -y[row])[:N_NAMED]
    points = [
        PointView(row, study.head_of(row), across.place(a), round(HEIGHT - upwards.place(b), 1), row in largest)
        for row, (a, b) in enumerate(zip(x, y, strict=True))
    ]
    return ScatterView(
        correlation=correlation,
        points=points,
        x_ticks=[TickView(across.place(value), significant(value, 1)) for value in across.ticks()],
        y_ticks=[TickView(round(HEIGHT - upwards.place(value), 1), significant(value, 1)) for value in upwards.ticks()],
        logarithmic=(across.logarithmic, upwards.logarithmic),
    )


class _Axis:
    """From values to places; logarithmic if all values are above 0, else linear from the smallest to the largest."""

    def __init__(self, values: Sequence[float], length: int) -> None:
        self.logarithmic, self._length = min(values) > 0, length
        self._low, self._high = (self._scaled(end) for end in (min(values), max(values)))

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.logarithmic else value

    def place(self, value: float) -> float:
        """Where a value lies, in drawing units."""
        span = self._high - self._low
        share = (self._scaled(value) - self._low) / span if span else 0.5
        return round(MARGIN + share * (self._length - 2 * MARGIN), 1)

    def ticks(self) -> list[float]:
        """Round numbers between the ends: 1, 2 and 5 times powers of ten, or fewer."""
        span = self._high - self._low
        if not span:
            return []
        if not self.logarithmic:
            step = 10.0 ** math.floor(math.log10(span))
            step *= next(times for times in (1, 2, 5) if span / (step * times) <= MOST_TICKS)
            return [n * step for n in range(math.ceil(self._low / step), math.floor(self._high / step) + 1)]
        decades = range(math.floor(self._low), math.floor(self._high) + 1)
        for times in ((1, 2, 5), (1, 3), (1,)):
            found = [n * 10.0**decade for decade in decades for n in times]
            inside = [value for value in found if self._low <= math.log10(value) <= self._high]
            if len(inside) <= MOST_TICKS:
                return inside
        return inside
