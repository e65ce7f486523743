"""What a site is made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from attviz_pipeline.artifacts.layout import (
    AssessmentPaths,
    ComparisonPaths,
    EvidencePaths,
    ModelsPaths,
    StatisticsPaths,
    TermPaths,
    table_path,
)


@dataclass(frozen=True)
class MapInputs:
    """Token-to-token maps of chosen documents.

    Args:
        maps: The maps (schema MAPS).
        selection: Which documents these are, and why (schema MAP_SELECTION).
    """

    maps: Path
    selection: Path


@dataclass(frozen=True)
class SiteInputs:
    """The artifacts of one study, and where they come from.

    Args:
        dataset: Card of the corpus (schema DATASET).
        model: Card of the classifier (schema MODEL).
        metrics: Scores of the classifier (schema METRICS).
        statistics: Tables of the whole analysis.
        terms: Terms with intervals, and differences between classes.
        comparison: Similarity of heads.
        head_profiles: What heads attend to (schema HEAD_PROFILES); without rows unless in full mode.
        document_groups: Documents in groups (schema DOCUMENT_GROUPS).
        assessment: Accuracy and calibration of the classifier.
        attention: Shards of self-attention (schema ATTENTION).
        aggregates: Shards of aggregates (schema AGGREGATES), in the order of `attention`.
        figures: Directory of figures with its `figures.json` (schema FIGURES).
        provenance: What made the site: versions, commit; shown as it is.
        maps: Token-to-token maps; None where there is no model, or where words must not show.
        evidence: Whether attention matters to the prediction; None where it was not measured.
        models: Comparison of models; None where the study compares none.
        compared_studies: Names of the studies whose models are compared with this one's.
        model_maps: Token-to-token maps of these models (schema MAPS) by name; none where there are no maps.
    """

    dataset: Path
    model: Path
    metrics: Path
    statistics: StatisticsPaths
    terms: TermPaths
    comparison: ComparisonPaths
    head_profiles: Path
    document_groups: Path
    assessment: AssessmentPaths
    attention: Sequence[Path]
    aggregates: Sequence[Path]
    figures: Path
    provenance: dict[str, str]
    maps: MapInputs | None = None
    evidence: EvidencePaths | None = None
    models: ModelsPaths | None = None
    compared_studies: Sequence[str] = ()
    model_maps: Mapping[str, Path] = field(default_factory=dict)

    @classmethod
    def below(cls, statistics: Path, **others: Any) -> Self:  # noqa: ANN401 - the other fields, as they are
        """Name the artifacts in the folder of the statistics."""
        return cls(
            statistics=StatisticsPaths.below(statistics),
            terms=TermPaths.below(statistics),
            comparison=ComparisonPaths.below(statistics),
            head_profiles=table_path(statistics, "head_profiles"),
            document_groups=table_path(statistics, "document_groups"),
            assessment=AssessmentPaths.below(statistics),
            **others,
        )
