"""The page of each head."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.views.activity import ActiveDocumentView, HeadActivity
from attviz_pipeline.report.views.curve import Curves, CurveView, read_curves
from attviz_pipeline.report.views.figures import FigureView
from attviz_pipeline.report.views.head_importance import (
    AblationView,
    HeadImportance,
    MeasureView,
    read_importance,
)
from attviz_pipeline.report.views.head_metrics import MetricView, head_metrics
from attviz_pipeline.report.views.head_terms import (
    CloudWordView,
    HeadTokenView,
    read_head_terms,
    tokens_by_head,
)
from attviz_pipeline.report.views.heads import (
    EvennessView,
    HeadView,
    RelativeView,
    RelativeViews,
    read_evenness,
    read_relative,
)
from attviz_pipeline.report.views.histogram import HistogramView, highest_share, histogram_view
from attviz_pipeline.report.views.likeness import Likeness, NeighboursView, read_likeness
from attviz_pipeline.report.views.mean_maps import MeanMaps, MeanMapView, read_mean_maps
from attviz_pipeline.report.views.models import HeadValues, ModelView, ReplicationView
from attviz_pipeline.report.views.offsets import Offsets, OffsetView, read_offsets
from attviz_pipeline.report.views.profiles import Profiles, ProfileView, read_profiles
from attviz_pipeline.report.views.ranked_terms import RankedView
from attviz_pipeline.report.views.separation import EffectView, Separation, read_separation
from attviz_pipeline.report.views.study import StudyView

N_GROUPS = 12


@dataclass(frozen=True)
class HeadEvidence:
    """Statistics of all heads, read once.

    Args:
        heads: Moments, by layer and head.
        likeness: Similarity of heads, by each measure.
        profiles: What they attend to.
        separation: Differences between classes.
        curves: Self-attention by position, per layer.
        offsets: Attention by the distance of key and query.
        mean_maps: Attention by the position of query and key in the text.
        relative: Means as multiples of even attention.
        evenness: Which of them attend nearly evenly.
        importance: How important they are to the prediction; None without evidence.
        metrics: What heads can be coloured by.
    """

    heads: Sequence[HeadView]
    likeness: list[Likeness]
    profiles: Profiles
    separation: Separation
    curves: Curves
    offsets: Offsets
    mean_maps: MeanMaps
    relative: RelativeViews
    evenness: EvennessView
    importance: HeadImportance | None
    metrics: list[MetricView]


@dataclass(frozen=True)
class WithoutHeadView:
    """One head and the prediction: `change` is None, and `groups` are empty, if no head was switched off.

    `measured` and `gradient` compare the head with all heads.
    """

    importance: HeadImportance
    change: AblationView | None
    groups: list[AblationView]
    measured: MeasureView | None
    gradient: MeasureView | None


@dataclass(frozen=True)
class HeadPageView:
    """The page of one head: `ranked` terms with intervals, or `tokens` where no term is frequent enough.

    `effects` are all differences between groups of documents, the smallest q first; `n_effects_shown` are listed.
    `without` is None without evidence; `again` are its effects in other models, too, and
    `in_models` its means there, both empty where none are compared. `figure` is its word cloud, None if there is none.
    """

    this: HeadView
    rank: int
    n_heads: int
    relative: RelativeView | None
    evenness: EvennessView
    row: int
    profile: ProfileView | None
    neighbours: list[NeighboursView]
    effects: list[EffectView]
    n_effects_shown: int
    without: WithoutHeadView | None
    ranked: RankedView
    tokens: list[HeadTokenView]
    cloud: list[CloudWordView]
    histogram: HistogramView
    curve: CurveView | None
    offsets: OffsetView | None
    mean_map: MeanMapView | None
    documents: list[ActiveDocumentView]
    previous: HeadView | None
    next: HeadView | None
    again: Sequence[ReplicationView] = ()
    in_models: Sequence[tuple[ModelView, HeadValues]] = ()
    figure: FigureView | None = None


def read_evidence(heads: Sequence[HeadView], inputs: SiteInputs, study: StudyView) -> HeadEvidence:
    """Read the statistics of all heads.

    Raises:
        ArtifactError: A table is missing or damaged.
    """
    likeness, profiles = read_likeness(inputs.comparison, study), read_profiles(inputs.head_profiles)
    separation = read_separation(inputs.terms.class_heads, study)
    importance = read_importance(inputs.evidence, study)
    maps = inputs.maps.maps if inputs.maps else None
    offsets = read_offsets(maps, study.n_rows)
    return HeadEvidence(
        heads=heads,
        likeness=likeness,
        profiles=profiles,
        separation=separation,
        curves=read_curves(inputs.terms.curves),
        offsets=offsets,
        mean_maps=read_mean_maps(maps, study.n_rows),
        relative=read_relative(inputs.terms.head_intervals),
        evenness=read_evenness(inputs.comparison.head_clusters),
        importance=importance,
        metrics=head_metrics(
            heads,
            inputs.terms.head_intervals,
            likeness,
            profiles,
            separation,
            offsets,
            importance,
            noun=study.task.noun,
        ),
    )


def iter_head_pages(
    evidence: HeadEvidence, inputs: SiteInputs, study: StudyView, activity: HeadActivity
) -> Iterator[HeadPageView]:
    """Put together the pages of all heads, one at a time.

    Args:
        evidence: Statistics of all heads.
        inputs: The tables of terms and tokens per head, which are read as they are needed.
        study: Facts of the study.
        activity: Documents with the highest mean self-attention in each head.
    """
    heads = evidence.heads
    ranks = _ranks([head.mean for head in heads])
    together = np.sum([head.histogram for head in heads], axis=0)
    top = highest_share([head.histogram for head in heads])
    terms = read_head_terms(inputs.terms.head_terms, study.n_heads)
    tokens = dict(tokens_by_head(inputs.statistics.head_tokens, study.settings.figures.min_document_frequency))
    for row, head in enumerate(heads):
        described = terms[head.layer, head.head]
        effects = evidence.separation.of_head(row)
        strongest, entries = tokens.get((head.layer, head.head), ([], []))
        yield HeadPageView(
            this=head,
            rank=ranks[row],
            n_heads=len(heads),
            relative=evidence.relative.get((head.layer, head.head)),
            evenness=evidence.evenness,
            row=row,
            profile=evidence.profiles.view(row),
            neighbours=[likeness.neighbours(row, study) for likeness in evidence.likeness],
            effects=effects,
            n_effects_shown=min(len(effects), N_GROUPS),
            without=_without(evidence.importance, row),
            ranked=described.ranked,
            tokens=strongest,
            cloud=described.cloud or entries,
            histogram=histogram_view(np.asarray(head.histogram), together, top),
            curve=evidence.curves.view(head.layer),
            offsets=evidence.offsets.view(row),
            mean_map=evidence.mean_maps.view(row),
            documents=activity.top(row),
            previous=heads[row - 1] if row else None,
            next=heads[row + 1] if row + 1 < len(heads) else None,
        )


def _without(importance: HeadImportance | None, row: int) -> WithoutHeadView | None:
    if importance is None:
        return None
    return WithoutHeadView(
        importance=importance,
        change=importance.heads[row] if importance.heads else None,
        groups=importance.groups[row],
        measured=importance.measure("measured", row),
        gradient=importance.measure("gradient", row),
    )


def _ranks(values: list[float]) -> list[int]:
    """Rank values from the largest, which has rank 1; equal ones share a rank."""
    return [1 + sum(other > value for other in values) for value in values]
