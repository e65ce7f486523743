"""Every stage of the workflow, declared once.

The stage's command with its options and help, the shell line of its rule, the settings and the code that a rerun
depends on, and the tables of stages in the documents all follow from the table at the end of this module. The rules
themselves are written by hand: they are what a Snakemake user reads.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from attviz_pipeline.artifacts.layout import AssessmentPaths, ComparisonPaths, MeasurePaths, StatisticsPaths, TermPaths
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


@dataclass(frozen=True)
class Argument:
    """One thing that a stage reads or writes: an option of its command, a parameter of its function.

    Args:
        name: Name of the parameter; in the rule, of the input, the output, or the entry of `params`.
        description: What it is, for the help.
        many: Whether it is a list, such as one file per shard.
        group: Makes the files that belong together of their folder or of the start of their paths. In the rule such an
            argument stands under `params`, since the files themselves are its inputs or outputs.
        optional: How many values follow the option if it is given at all; 0 for an argument that is needed.
    """

    name: str
    description: str
    many: bool = False
    group: Callable[[Path], Any] | None = None
    optional: int = 0

    @property
    def flag(self) -> str:
        """The option of the command."""
        return f"--{self.name.replace('_', '-')}"

    def value(self, given: Any) -> Any:  # noqa: ANN401 - a path, several, or the files of a group
        """Return what the stage's function takes for what the command was given."""
        if self.group is None:
            return given
        return [self.group(path) for path in given] if self.many else self.group(given)


@dataclass(frozen=True)
class Option:
    """A further option of a stage's command: a path, or a switch if its default is False."""

    name: str
    description: str
    default: Path | bool


def file(name: str, description: str) -> Argument:
    """Declare one file or folder."""
    return Argument(name, description)


def each_shard(name: str, description: str) -> Argument:
    """Declare one file per shard."""
    return Argument(name, f"{description}, all shards", many=True)


@dataclass(frozen=True)
class Stage:
    """What the workflow, the command line and the documents know of one stage.

    Args:
        name: Name of the rule, of the function, of the module and of the log folder; with hyphens, of the command.
        summary: One line of what it does.
        part: Package that holds the stage's module, below `attviz_pipeline`.
        settings: The slice of the study that it reads; None if it reads none.
        reads: What it reads.
        writes: What it writes.
        uses_model: Whether it computes with the model, and so takes threads, a GPU, and memory by the size of texts.
        sources: Files and folders beside the package that its results depend on.
        options: Further options of its command with their defaults; its rule does not use them.
    """

    name: str
    summary: str
    part: str
    settings: type[Section] | None
    reads: tuple[Argument, ...]
    writes: tuple[Argument, ...]
    uses_model: bool = False
    sources: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()

    @property
    def module(self) -> str:
        """Full name of the stage's module."""
        return f"attviz_pipeline.{self.part}.{self.name}"

    @property
    def command(self) -> str:
        """Name of the subcommand."""
        return self.name.replace("_", "-")

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """All that it reads and writes."""
        return (*self.reads, *self.writes)

    def shell(self) -> str:
        """Return the shell line of the stage's rule, with Snakemake's placeholders."""
        return f"python -m attviz_pipeline {self.command} {' '.join(self._options())}"

    def _options(self) -> Iterator[str]:
        if self.settings is not None:
            yield "--settings {params.settings:q}"
        yield "--log {log:q}"
        if self.uses_model:
            yield "--threads {threads} --gpus {resources.gpu}"
        for place, arguments in (("input", self.reads), ("output", self.writes)):
            for argument in arguments:
                where = "params" if argument.group else place
                # What is optional is given with its option or not at all: the rule decides.
                flag = f"{{params.{argument.name}}}" if argument.optional else argument.flag
                yield f"{flag} {{{where}.{argument.name}:q}}"


_ATTENTION = each_shard("attention", "self-attention")
_STATISTICS = "folder of the statistics"
_CHECKPOINT = file("checkpoint", "folder of the classifier")
_CARD = file("card", "facts of the classifier")
_VOCABULARY = file("vocabulary", "terms and their counts")
_MEASURES_START = "start of the paths of the shard's measures"
_MEASURES = Argument("measures", f"{_MEASURES_START}, all shards", many=True, group=MeasurePaths.of)

STAGES: Mapping[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage(
            "prepare_dataset",
            "Read the corpus, check every row, split it.",
            "dataset",
            PrepareDataset,
            reads=(),
            writes=(
                file("documents", "every usable row"),
                file("ledger", "what became of every row"),
                file("card", "facts of the corpus"),
            ),
        ),
        Stage(
            "shard_documents",
            "Choose the documents to analyse and divide them into shards.",
            "dataset",
            ShardDocuments,
            reads=(file("documents", "every usable row"),),
            writes=(each_shard("shards", "documents"),),
        ),
        Stage(
            "import_attention",
            "Read attention that AttViz's own tools extracted, in place of the corpus, the model and the extraction.",
            "dataset.imported",
            ImportAttention,
            reads=(),
            writes=(
                file("ledger", "what became of every document"),
                file("dataset_card", "facts of the corpus"),
                file("model_card", "facts of the classifier"),
                file("metrics", "scores of the classifier: none"),
                _ATTENTION,
            ),
        ),
        Stage(
            "prepare_model",
            "Verify the classifier, fine-tune it if the study says so, score it.",
            "model",
            PrepareModel,
            reads=(file("documents", "every usable row"),),
            writes=(_CHECKPOINT, _CARD, file("metrics", "scores of the classifier")),
            uses_model=True,
        ),
        Stage(
            "extract_attention",
            "Extract the self-attention of every layer and head for the documents of one shard.",
            "attention",
            ExtractAttention,
            reads=(file("shard", "documents"), _CHECKPOINT, _CARD),
            writes=(file("attention", "self-attention of the shard"),),
            uses_model=True,
        ),
        Stage(
            "extract_maps",
            "Choose documents, and map what each of their tokens attends to in every head.",
            "attention.maps",
            ExtractMaps,
            reads=(
                file("document_index", "all documents with their predictions"),
                each_shard("shards", "documents"),
                _CHECKPOINT,
                _CARD,
            ),
            writes=(file("maps", "token-to-token maps"), file("selection", "which documents have maps, and why")),
            uses_model=True,
        ),
        Stage(
            "redact_attention",
            "Copy the self-attention of all shards without its words (share-safe mode).",
            "redaction",
            RedactAttention,
            reads=(_ATTENTION,),
            writes=(each_shard("redacted", "the same without words"),),
        ),
        Stage(
            "aggregate_shard",
            "Aggregate each document of one shard over heads, and sum the shard per token and head.",
            "analysis",
            AggregateShard,
            reads=(file("attention", "self-attention of the shard"),),
            writes=(
                file("aggregates", "aggregates of each document"),
                file("token_sums", "exact sums per token"),
                file("head_sums", "exact sums per head"),
            ),
        ),
        Stage(
            "aggregate_dataset",
            "Add up the sums of all shards to statistics per token, head and document.",
            "analysis",
            None,
            reads=(
                _ATTENTION,
                each_shard("token_sums", "exact sums per token"),
                each_shard("head_sums", "exact sums per head"),
                file("ledger", "what became of every row"),
            ),
            writes=(Argument("statistics", _STATISTICS, group=StatisticsPaths.below),),
        ),
        Stage(
            "assess_predictions",
            "Score and calibrate the predictions, and compare confidence with the entropy of attention.",
            "analysis.predictions",
            AssessPredictions,
            reads=(
                file("document_index", "all documents with their predictions"),
                _ATTENTION,
                each_shard("aggregates", "aggregates of each document"),
            ),
            writes=(Argument("statistics", _STATISTICS, group=AssessmentPaths.below),),
        ),
        Stage(
            "list_terms",
            "List the terms (tokens, words or lower-cased words) of all documents with their counts.",
            "analysis.terms",
            ListTerms,
            reads=(_ATTENTION,),
            writes=(_VOCABULARY,),
        ),
        Stage(
            "measure_shard",
            "Measure the terms of one shard by document, head, class, position and length.",
            "analysis.terms",
            MeasureShard,
            reads=(file("attention", "self-attention of the shard"), _VOCABULARY),
            writes=(Argument("measures", _MEASURES_START, group=MeasurePaths.of),),
        ),
        Stage(
            "describe_terms",
            "Describe terms and heads with 95 % intervals over documents, distributions and curves.",
            "analysis.terms",
            DescribeTerms,
            reads=(_VOCABULARY, _MEASURES),
            writes=(Argument("statistics", _STATISTICS, group=TermPaths.below),),
        ),
        Stage(
            "compare_classes",
            "Test which heads and terms differ between classes, and between right and wrong predictions.",
            "analysis.classes",
            CompareClasses,
            reads=(_VOCABULARY, _MEASURES),
            writes=(Argument("statistics", _STATISTICS, group=TermPaths.below),),
        ),
        Stage(
            "group_documents",
            "Group documents in which the same heads are more active than usual.",
            "analysis",
            GroupDocuments,
            reads=(each_shard("document_heads", "means per document and head"),),
            writes=(file("document_groups", "groups of documents"),),
        ),
        Stage(
            "compare_heads",
            "Compare heads with each other and with chance (FUJI, Jensen-Shannon); cluster and map them.",
            "analysis.heads",
            CompareHeads,
            reads=(file("head_tokens", "statistics per token and head"), _ATTENTION),
            writes=(Argument("statistics", _STATISTICS, group=ComparisonPaths.below),),
        ),
        Stage(
            "profile_heads",
            "Describe what each head attends to, and name its role.",
            "analysis.heads",
            None,
            reads=(_ATTENTION,),
            writes=(file("head_profiles", "what each head attends to, and its role"),),
        ),
        Stage(
            "draw_figures",
            "Draw the figures of the dataset, each as SVG, PNG and the CSV of its numbers.",
            "figures",
            DrawFigures,
            reads=(
                file("dataset_card", "facts of the corpus"),
                file("model_card", "facts of the classifier"),
                Argument("statistics", _STATISTICS, group=Path),
            ),
            writes=(file("figures", "folder of the figures"),),
        ),
        Stage(
            "render_site",
            "Render the static site.",
            "report",
            RenderSite,
            reads=(
                file("dataset_card", "facts of the corpus"),
                file("model_card", "facts of the classifier"),
                file("metrics", "scores of the classifier"),
                Argument("statistics", _STATISTICS, group=Path),
                file("figures", "folder of the figures"),
                Argument("maps", "token-to-token maps and their selection; never where words are redacted", optional=2),
                _ATTENTION,
                each_shard("aggregates", "aggregates of each document"),
            ),
            writes=(file("site", "folder of the site"),),
            sources=("templates", "docs/statistics"),
        ),
        Stage(
            "export_attention",
            "Write attention in the formats of other tools; `export.formats` names them.",
            "export",
            ExportAttention,
            reads=(_ATTENTION,),
            writes=(file("export", "folder of the exports"),),
        ),
        Stage(
            "publish",
            "Check the site and push it to a branch of a git remote.",
            "publish",
            Publish,
            reads=(file("site", "folder of the site"),),
            writes=(),
            options=(
                Option("repository", "git checkout whose remote is meant", Path()),
                Option("dry_run", "say what would be pushed where, and push nothing", default=False),
            ),
        ),
    )
}


LACKING_WITHOUT_MODEL = {PrepareDataset, ShardDocuments, PrepareModel, ExtractAttention, ExtractMaps}
"""Slices of the stages that a study of imported attention lacks."""

_Section = TypeVar("_Section", bound=Section)


def slice_for(study: Study, settings: type[_Section]) -> _Section:
    """Cut the part of a study that one stage reads, so that a change elsewhere does not rerun it.

    Raises:
        ConfigError: The study has no such stage, since its attention comes from a file.
    """
    if study.imported and settings in LACKING_WITHOUT_MODEL:
        raise ConfigError(f"study {study.name} has no such stage: import-attention takes its place.")
    if settings is RenderSite:
        return settings.model_validate({"study": study.model_copy(update={"publish": PublishSettings()})})
    return settings.model_validate({name: getattr(study, name) for name in settings.model_fields})
