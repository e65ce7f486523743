"""The slice of a study that each stage reads, so that a change elsewhere does not rerun it."""

from collections.abc import Mapping
from typing import TypeVar

from attviz_pipeline.config.settings import (
    AggregatesSettings,
    AssessmentSettings,
    AttentionSettings,
    BootstrapSettings,
    ClassesSettings,
    ComparisonSettings,
    DatasetSettings,
    DocumentsSettings,
    ExportSettings,
    FiguresSettings,
    MapsSettings,
    ModelSettings,
    PublishSettings,
    RedactionSettings,
    Section,
    Study,
    TermsSettings,
    TrainingSettings,
)
from attviz_pipeline.errors import ConfigError


class PrepareDataset(Section):
    """What the stage `prepare_dataset` reads."""

    seed: int
    dataset: DatasetSettings
    fine_tunes: bool = True
    draws_splits: bool = True


class ShardDocuments(Section):
    """What the stage `shard_documents` reads."""

    seed: int
    documents: DocumentsSettings
    fine_tunes: bool = True


class PrepareModel(Section):
    """What the stage `prepare_model` reads."""

    seed: int
    model: ModelSettings
    training: TrainingSettings
    close_overlap: int | None = None


class ExtractAttention(Section):
    """What the stage `extract_attention` reads."""

    attention: AttentionSettings


class RedactAttention(Section):
    """What the stage `redact_attention` reads."""

    redaction: RedactionSettings


class ImportAttention(Section):
    """What the stage `import_attention` reads."""

    seed: int
    dataset: DatasetSettings
    documents: DocumentsSettings


class AggregateShard(Section):
    """What the stage `aggregate_shard` reads."""

    aggregates: AggregatesSettings


class AssessPredictions(Section):
    """What the stage `assess_predictions` reads."""

    seed: int
    assessment: AssessmentSettings


class ListTerms(Section):
    """What the stage `list_terms` reads."""

    terms: TermsSettings


class MeasureShard(Section):
    """What the stage `measure_shard` reads."""

    terms: TermsSettings


class DescribeTerms(Section):
    """What the stage `describe_terms` reads."""

    seed: int
    bootstrap: BootstrapSettings


class CompareClasses(Section):
    """What the stage `compare_classes` reads."""

    seed: int
    classes: ClassesSettings


class GroupDocuments(Section):
    """What the stage `group_documents` reads."""

    seed: int


class CompareHeads(Section):
    """What the stage `compare_heads` reads."""

    seed: int
    comparison: ComparisonSettings


class ExtractMaps(Section):
    """What the stage `extract_maps` reads."""

    seed: int
    attention: AttentionSettings
    maps: MapsSettings


class DrawFigures(Section):
    """What the stage `draw_figures` reads."""

    seed: int
    figures: FiguresSettings


class ExportAttention(Section):
    """What the stage `export_attention` reads."""

    export: ExportSettings


class RenderSite(Section):
    """What the stage `render_site` reads: everything but where it is published; the about page shows it."""

    study: Study


class Publish(Section):
    """What the stage `publish` reads."""

    name: str
    redaction: RedactionSettings
    publish: PublishSettings


STAGES: Mapping[str, type[Section]] = {
    "prepare_dataset": PrepareDataset,
    "shard_documents": ShardDocuments,
    "prepare_model": PrepareModel,
    "extract_attention": ExtractAttention,
    "redact_attention": RedactAttention,
    "import_attention": ImportAttention,
    "aggregate_shard": AggregateShard,
    "assess_predictions": AssessPredictions,
    "list_terms": ListTerms,
    "measure_shard": MeasureShard,
    "describe_terms": DescribeTerms,
    "compare_classes": CompareClasses,
    "group_documents": GroupDocuments,
    "compare_heads": CompareHeads,
    "extract_maps": ExtractMaps,
    "draw_figures": DrawFigures,
    "render_site": RenderSite,
    "export_attention": ExportAttention,
    "publish": Publish,
}

STAGES_OF_A_MODEL: set[type[Section]] = {PrepareDataset, ShardDocuments, PrepareModel, ExtractAttention, ExtractMaps}

_Section = TypeVar("_Section", bound=Section)


def slice_for(study: Study, stage: type[_Section]) -> _Section:
    """Cut the part of a study that one stage reads, so that a change elsewhere does not rerun it.

    Raises:
        ConfigError: The study has no such stage, since its attention comes from a file.
    """
    if study.imported and stage in STAGES_OF_A_MODEL:
        raise ConfigError(f"study {study.name} has no such stage: import-attention takes its place.")
    if stage is RenderSite:
        return stage.model_validate({"study": study.model_copy(update={"publish": PublishSettings()})})
    return stage.model_validate({name: getattr(study, name) for name in stage.model_fields})
