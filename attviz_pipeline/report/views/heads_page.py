"""The page of all heads: a grid coloured by any metric, and the similarity of heads."""

from dataclasses import dataclass
from typing import Any

from attviz_pipeline.report.views.head import HeadEvidence
from attviz_pipeline.report.views.head_importance import HeadImportance, ScatterView, scatters, table_columns
from attviz_pipeline.report.views.head_map import LikenessView, likeness_view
from attviz_pipeline.report.views.head_metrics import MetricView
from attviz_pipeline.report.views.heads import HeadsView, heads_view
from attviz_pipeline.report.views.mean_maps import payload_of
from attviz_pipeline.report.views.profiles import DelimitersView
from attviz_pipeline.report.views.study import StudyView


@dataclass(frozen=True)
class HeadsPageView:
    """The page of all heads; `payload` is what its scripts colour and draw, `importance` None without evidence.

    `figure` is where the gallery shows the importance of heads; None where it does not.
    """

    grid: HeadsView
    metrics: list[tuple[str, list[MetricView]]]
    likeness: list[LikenessView]
    n_mapped: int
    delimiters: DelimitersView
    importance: HeadImportance | None
    scatters: list[ScatterView]
    payload: dict[str, Any]
    figure: str | None = None


def heads_page_view(evidence: HeadEvidence, study: StudyView) -> HeadsPageView:
    """Put together the page of all heads."""
    likeness = [likeness_view(measure, study) for measure in evidence.likeness]
    importance = evidence.importance
    groups = list(dict.fromkeys(metric.group for metric in evidence.metrics))
    return HeadsPageView(
        grid=heads_view(evidence.heads, evidence.relative, evidence.evenness, study),
        metrics=[(group, [metric for metric in evidence.metrics if metric.group == group]) for group in groups],
        likeness=likeness,
        n_mapped=evidence.mean_maps.n_documents,
        delimiters=evidence.profiles.delimiters(),
        importance=evidence.importance,
        scatters=scatters(evidence.importance, study) if evidence.importance else [],
        payload={
            "heads": study.n_heads,
            "vectors": study.imported,
            "metrics": [metric.content() for metric in evidence.metrics],
            "likeness": {measure.measure: measure.matrix for measure in likeness},
            "mean_maps": payload_of(evidence.mean_maps),
        }
        | ({"importance": table_columns(importance, study)} if importance and importance.heads else {}),
    )
