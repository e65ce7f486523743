"""Metrics to colour heads by: numbers, roles and groups from the statistics."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.formats import plural
from attviz_pipeline.report.views.head_importance import HeadImportance
from attviz_pipeline.report.views.heads import HeadView
from attviz_pipeline.report.views.likeness import Likeness
from attviz_pipeline.report.views.offsets import Offsets
from attviz_pipeline.report.views.profiles import ROLE_NAMES, Profiles
from attviz_pipeline.report.views.separation import Separation

_MOMENTS = {"mean": "mean self-attention", "std": "standard deviation", "max": "maximum"}
_PROFILE = {
    "entropy": "entropy, nats",
    "evenness": "evenness of attention",
    "distance": "distance, tokens",
    "on_self": "share on the token itself",
    "on_previous": "share on the previous token",
    "on_next": "share on the next token",
    "on_cls": "share on [CLS]",
    "on_sep": "share on [SEP]",
    "on_punctuation": "share on punctuation",
}
_CLUSTERS = {"fuji": "group by ranking of tokens (FUJI)", "jensen_shannon": "group by distribution (Jensen-Shannon)"}


@dataclass(frozen=True)
class MetricView:
    """One metric: numbers, or numbers of categories; [row], None where a head has none.

    Those of a `diverging` one have two colours, below and above 0.
    """

    name: str
    title: str
    group: str
    values: Sequence[float | None]
    categories: list[str] | None = None
    logarithmic: bool = False
    diverging: bool = False

    def content(self) -> dict[str, Any]:
        """The metric as the page's script reads it."""
        found = asdict(self) | {"values": [None if value is None else float(f"{value:.4g}") for value in self.values]}
        return found if self.diverging else {name: part for name, part in found.items() if name != "diverging"}


def head_metrics(  # noqa: PLR0913 - one parameter per statistic
    heads: Sequence[HeadView],
    intervals: Path,
    likeness: list[Likeness],
    profiles: Profiles,
    separation: Separation,
    offsets: Offsets,
    importance: HeadImportance | None = None,
    noun: str = "class",
) -> list[MetricView]:
    """Put together all metrics of a study; `noun` is what groups of documents are: class, label or value.

    Raises:
        ArtifactError: The table of intervals (schema HEAD_INTERVALS) is missing or damaged.
    """
    return [
        *_of_self_attention(heads, intervals),
        *_of_profiles(profiles),
        *_of_offsets(offsets),
        *_of_classes(len(heads), separation, noun),
        *_of_importance(importance),
        *(_clusters(measure) for measure in likeness if measure.facts["outcome"] == "found"),
    ]


def _of_self_attention(heads: Sequence[HeadView], intervals: Path) -> Iterator[MetricView]:
    group = "self-attention"
    for name, title in _MOMENTS.items():
        yield MetricView(name, title, group, [getattr(head, name) for head in heads], logarithmic=True)
    rows = files.read_table(intervals, term_schemas.HEAD_INTERVALS).to_pylist()
    if len(rows) == len(heads):
        yield MetricView(
            "log_ratio", "relative to even attention, logarithm (0: even)", group, [row["log_ratio"] for row in rows]
        )
        spread = "evenness of self-attention over a document"
        yield MetricView("spread", spread, group, [row["evenness"] for row in rows])


def _of_profiles(profiles: Profiles) -> Iterator[MetricView]:
    for name, title in _PROFILE.items():
        if values := profiles.values(name):
            yield MetricView(name, title, "what it attends to", values)
    roles = [str(row["role"]) for row in profiles.rows]
    if roles:
        present = [role for role in ROLE_NAMES if role in roles] + sorted(set(roles) - set(ROLE_NAMES))
        names = [ROLE_NAMES.get(role, role) for role in present]
        yield MetricView("role", "role", "what it attends to", [present.index(role) for role in roles], names)


def _of_offsets(offsets: Offsets) -> Iterator[MetricView]:
    group = f"in {plural(offsets.n_mapped, 'document')} with maps"
    titles = {-1: "attention to the token before (maps)", 1: "attention to the token after (maps)"}
    for offset, title in titles.items():
        if values := offsets.at(offset):
            yield MetricView("before" if offset < 0 else "after", title, group, values, logarithmic=True)


def _of_classes(n_rows: int, separation: Separation, noun: str) -> Iterator[MetricView]:
    largest = separation.largest_effects(n_rows)
    if any(value is not None for value in largest):
        titles = {
            "class": "largest difference between a class and the others, |g| after shrinkage",
            "label": "largest difference between a label and the others, |g| after shrinkage",
            "value": f"correlation with the {separation.main_grouping} value, |\u03c1| after shrinkage",
        }
        group = {"class": "classes", "label": "labels", "value": "values"}[noun]
        yield MetricView("effect", titles[noun], group, largest)


def _of_importance(importance: HeadImportance | None) -> Iterator[MetricView]:
    if importance is None:
        return
    if importance.heads:
        group = f"without the head, in {plural(importance.n_measured, 'document')}"
        scale, judged = importance.scale, [importance.judged(one).value for one in importance.heads]
        harm = judged if importance.by_error else [None if value is None else -value for value in judged]
        of, other = ("rise of", "fall") if importance.by_error else ("fall of", "rise")
        title = scale.with_log_unit(f"{of} {importance.judged_name}", ", ")
        yield MetricView("ablation_fall", f"{title} (below 0: {other})", group, harm, diverging=True)
        title = scale.with_log_unit(f"measured importance: mean |change| of {scale.log}", ", ")
        yield MetricView("measured_importance", title, group, importance.measures["measured"], logarithmic=True)
    if values := importance.measures.get("gradient"):
        group = f"gradients in {plural(importance.n_gradient, 'document')}"
        title = "gradient importance: mean |gradient| at the head's output"
        yield MetricView("gradient_importance", title, group, values, logarithmic=True)


def _clusters(likeness: Likeness) -> MetricView:
    numbers = likeness.places["cluster"].tolist()
    names = [f"group {number + 1}" for number in range(max(numbers) + 1)]
    return MetricView(f"{likeness.measure}_cluster", _CLUSTERS[likeness.measure], "similarity", numbers, names)
