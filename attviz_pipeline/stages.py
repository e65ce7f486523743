"""Every stage of the workflow, declared once, in an order in which they can run.

The table at the end of this module defines each stage's command with its options and help, the shell line of its rule,
the settings and the code that a rerun depends on, where its files are, and the tables of stages in the documents. The
rules themselves are written by hand, because Snakemake users read them; a test compares them with this table.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field

from attviz_pipeline.artifacts.layout import (
    AssessmentPaths,
    ComparisonPaths,
    EvidencePaths,
    MeasurePaths,
    ModelsPaths,
    StatisticsPaths,
    TermPaths,
    table_path,
)
from attviz_pipeline.config.settings import (
    OWN_MODEL,
    AggregatesSettings,
    AssessmentSettings,
    AttentionSettings,
    BootstrapSettings,
    ClassesSettings,
    ComparedModel,
    ComparisonSettings,
    DatasetSettings,
    DocumentsSettings,
    EvidenceSettings,
    ExportSettings,
    FiguresSettings,
    InferenceSettings,
    MapsSettings,
    ModelSettings,
    PublishSettings,
    RedactionSettings,
    Section,
    TaskName,
    TermsSettings,
    TrainingSettings,
)
from attviz_pipeline.config.study import Study
from attviz_pipeline.errors import ConfigError
from attviz_pipeline.shards import expand_shards


class PrepareDataset(Section):
    """Settings of the stage `prepare_dataset`."""

    seed: int
    dataset: DatasetSettings
    task: TaskName | None = None
    fine_tunes: bool = True
    draws_splits: bool = True
    finished_model: ModelSettings | None = None


class ShardDocuments(Section):
    """Settings of the stage `shard_documents`."""

    seed: int
    documents: DocumentsSettings
    fine_tunes: bool = True


class PrepareModel(Section):
    """Settings of the stage `prepare_model`."""

    seed: int
    model: ModelSettings
    training: TrainingSettings
    close_overlap: int | None = None
    is_trained: bool = True
    keeps_epochs: bool = False
    compared_as: str | None = None
    own_model: ModelSettings | None = None


class ExtractAttention(Section):
    """Settings of the stage `extract_attention`."""

    attention: AttentionSettings


class RedactAttention(Section):
    """Settings of the stage `redact_attention`."""

    redaction: RedactionSettings


class ImportAttention(Section):
    """Settings of the stage `import_attention`."""

    seed: int
    dataset: DatasetSettings
    documents: DocumentsSettings


class AggregateShard(Section):
    """Settings of the stage `aggregate_shard`."""

    aggregates: AggregatesSettings


class AssessPredictions(Section):
    """Settings of the stage `assess_predictions`."""

    seed: int
    assessment: AssessmentSettings


class ListTerms(Section):
    """Settings of the stage `list_terms`."""

    terms: TermsSettings


class MeasureShard(Section):
    """Settings of the stage `measure_shard`."""

    terms: TermsSettings


class DescribeTerms(Section):
    """Settings of the stage `describe_terms`."""

    seed: int
    inference: InferenceSettings = InferenceSettings()
    bootstrap: BootstrapSettings


class CompareClasses(Section):
    """Settings of the stage `compare_classes`."""

    seed: int
    inference: InferenceSettings = InferenceSettings()
    classes: ClassesSettings


class CompareModels(Section):
    """Settings of the stage `compare_models`."""

    seed: int
    inference: InferenceSettings = InferenceSettings()
    compared: dict[str, ComparedModel]
    with_evidence: list[str] = Field([])
    assessment: AssessmentSettings


class GroupDocuments(Section):
    """Settings of the stage `group_documents`."""

    seed: int
    inference: InferenceSettings = InferenceSettings()


class CompareHeads(Section):
    """Settings of the stage `compare_heads`."""

    seed: int
    comparison: ComparisonSettings


class SelectMaps(Section):
    """Settings of the stage `select_maps`."""

    seed: int
    attention: AttentionSettings
    maps: MapsSettings


class ExtractMaps(Section):
    """Settings of the stage `extract_maps`."""

    attention: AttentionSettings
    maps: MapsSettings


class OnSample(Section):
    """Settings of a stage that reads a sample of the documents again."""

    seed: int
    attention: AttentionSettings
    evidence: EvidenceSettings


class ComputeGradients(OnSample):
    """Settings of the stage `compute_gradients`."""


class LeaveTokensOut(OnSample):
    """Settings of the stage `leave_tokens_out`."""


class MeasureFaithfulness(OnSample):
    """Settings of the stage `measure_faithfulness`."""


class AblateHeads(OnSample):
    """Settings of the stage `ablate_heads`."""


class SummariseEvidence(Section):
    """Settings of the stage `summarise_evidence`."""

    seed: int
    assessment: AssessmentSettings


class RankHeads(Section):
    """Settings of the stage `rank_heads`."""

    seed: int
    assessment: AssessmentSettings


class CompareTerms(Section):
    """Settings of the stage `compare_terms`."""

    seed: int
    terms: TermsSettings


class DrawFigures(Section):
    """Settings of the stages `draw_word_clouds` and `draw_figures`."""

    seed: int
    figures: FiguresSettings
    imported: bool = False


class ExportAttention(Section):
    """Settings of the stage `export_attention`."""

    export: ExportSettings


class RenderSite(Section):
    """Settings of the stage `render_site`: the whole study, which the about page shows, without `publish`."""

    study: Study


class Publish(Section):
    """Settings of the stage `publish`."""

    name: str
    redaction: RedactionSettings
    publish: PublishSettings


@dataclass(frozen=True)
class Argument:
    """One input or output of a stage: an option of its command and a parameter of its function.

    Args:
        name: Name of the parameter, and of the input, output or entry of `params` in the rule.
        description: Text of the help.
        many: Whether it is a list, such as one file per shard. Its rule gives the pattern of `every_shard` under
            `params`, because the paths of thousands of shards do not fit on one command.
        group: Builds a group of files from their folder or path prefix. The rule lists such an argument under
            `params`, because the files themselves are its inputs or outputs.
        optional: Number of values of an optional argument; 0 for a required one.
        places: Where it is, below the folder of the study's results: one place, or one for each optional value.
            `{shard}` stands for the name of a shard, `{shown}` for the folder of the attention that a site may show,
            `{exported}` for that of the exports, `{of}` for the folder of a compared model with a slash after it, or
            nothing for the study's own model, `{each}` for that of each model in turn, the study's own first.
    """

    name: str
    description: str
    many: bool = False
    group: Callable[[Path], Any] | None = None
    optional: int = 0
    places: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        """The option of the command."""
        return f"--{self.name.replace('_', '-')}"

    def value(self, given: Any) -> Any:  # noqa: ANN401 - a path, several, or the files of a group
        """Convert the value of the command's option to the argument of the stage's function."""
        if self.many:
            paths = list(expand_shards(given))
            return paths if self.group is None else [self.group(path) for path in paths]
        return given if self.group is None else self.group(given)


@dataclass(frozen=True)
class Option:
    """A further option of a stage's command: a path, or a flag if its default is False."""

    name: str
    description: str
    default: Path | bool


def file(name: str, description: str, place: str) -> Argument:
    """Declare one file or folder."""
    return Argument(name, description, places=(place,))


def each_shard(name: str, description: str, place: str) -> Argument:
    """Declare one file per shard."""
    return Argument(name, f"{description}, all shards", many=True, places=(place,))


def optional(name: str, description: str, places: Sequence[str]) -> Argument:
    """Declare files that are given together, or not at all."""
    return Argument(name, description, optional=len(places), places=tuple(places))


def evidence(name: str, description: str, table: str = "") -> Argument:
    """Declare a table of evidence; it is named like the argument, or as given."""
    return file(name, description, table_path(Path("{of}evidence"), table or name).as_posix())


def table(name: str, description: str) -> Argument:
    """Declare a table in the folder of the statistics."""
    return file(name, description, table_path(Path("{of}statistics"), name).as_posix())


def statistics(group: Callable[[Path], Any]) -> Argument:
    """Declare tables in the folder of the statistics."""
    return Argument("statistics", "folder of the statistics", group=group, places=("{of}statistics",))


def _of_each_model(name: str) -> Argument:
    return Argument(name, "folder of each model's results, the own first", many=True, group=Path, places=("{each}",))


@dataclass(frozen=True)
class Stage:
    """One stage, as the workflow, the command line and the documents use it.

    Args:
        name: Name of the rule, the function, the module and the log folder; with hyphens, of the command.
        summary: One line that says what it does.
        part: Package of the stage's module, below `attviz_pipeline`.
        settings: The settings of the study that it reads; None if it reads none.
        reads: Its inputs.
        writes: Its outputs.
        uses_model: Whether it runs the model, and so needs threads, a GPU, and memory that grows with the texts.
        sources: Files and folders outside the package that its results depend on.
        options: Further options of its command with their defaults; its rule does not use them.
        each_model: Whether it runs again for every compared model.
        only_for_evidence: Whether, of the compared models, only those need it that have evidence.
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
    each_model: bool = False
    only_for_evidence: bool = False

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
        """Its inputs, then its outputs."""
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
        if self.each_model:
            # Snakemake's own quotes leave out an empty value, that of the study's own model.
            yield "--of '{wildcards.of}'"
        for place, arguments in (("input", self.reads), ("output", self.writes)):
            for argument in arguments:
                where = "params" if argument.group or argument.many else place
                # For an optional argument the rule's parameter is the flag, or empty.
                flag = f"{{params.{argument.name}}}" if argument.optional else argument.flag
                yield f"{flag} {{{where}.{argument.name}:q}}"


_DOCUMENTS = file("documents", "every usable row", "dataset/documents.parquet")
_SHARDS = each_shard("shards", "documents", "shards/{shard}.parquet")
_ATTENTION = each_shard("attention", "self-attention", "{of}attention/{shard}.parquet")
_SHOWN_ATTENTION = each_shard("attention", "self-attention", "{of}{shown}/{shard}.parquet")
_AGGREGATES = each_shard("aggregates", "aggregates of each document", "{of}aggregates/{shard}.parquet")
_LEDGER = file("ledger", "what became of every row", "dataset/ledger.parquet")
_DOCUMENT_INDEX = table("document_index", "all documents with their predictions")
_SAMPLE = (_DOCUMENT_INDEX, _SHARDS)
_OWN_SAMPLE = (
    file(
        "own_index",
        "documents of the study's own model, of which the sample is drawn",
        table_path(Path("statistics"), "document_index").as_posix(),
    ),
    *_SAMPLE,
)
_CHECKPOINT = file("checkpoint", "folder of the classifier", "{of}model/checkpoint")
_CARD = file("card", "facts of the classifier", "{of}model/model.json")
_CARDS = (
    file("dataset_card", "facts of the corpus", "dataset/dataset.json"),
    file("model_card", "facts of the classifier", "{of}model/model.json"),
)
_METRICS = "{of}model/metrics.json"
_VOCABULARY = table("vocabulary", "terms and their counts")
_HEADS = table("heads", "statistics per head")
_GRADIENTS = evidence("gradients", "gradients of the sample")
_LEAVE_ONE_OUT = evidence("leave_one_out", "changes of the probabilities, or of the value")
_EVIDENCE_PER_TOKEN = [*_GRADIENTS.places, *_LEAVE_ONE_OUT.places]
_MAPS = ("{of}maps/maps.parquet", "maps/map_selection.json")
_MAP_SELECTION = file("selection", "documents with maps, and the reason for each", _MAPS[1])
_TABLES_OF_EVIDENCE = [field.name for field in fields(EvidencePaths)]
_PLACES_OF_EVIDENCE = [path.as_posix() for path in vars(EvidencePaths.below(Path("{of}evidence"))).values()]
_EVIDENCE = optional("evidence", f"evidence: {', '.join(_TABLES_OF_EVIDENCE)}", _PLACES_OF_EVIDENCE)
_PLACES_OF_MODELS = [path.as_posix() for path in vars(ModelsPaths.below(Path("models"))).values()]
_MODELS = optional(
    "models", f"comparison of models: {', '.join(one.name for one in fields(ModelsPaths))}", _PLACES_OF_MODELS
)
_WORD_CLOUDS = file("word_clouds", "folder of the word clouds", "word_clouds")
_FIGURES = file("figures", "folder of the figures", "figures")
_SITE = file("site", "folder of the site", "site")
_MEASURES_PREFIX = "path prefix of the shard's term statistics"
_MEASURES = Argument(
    "measures",
    f"{_MEASURES_PREFIX}, all shards",
    many=True,
    group=MeasurePaths.of,
    places=("{of}measures/{shard}",),
)

STAGES: Mapping[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage(
            "prepare_dataset",
            "Read the corpus, check every row, and split it.",
            "dataset",
            PrepareDataset,
            reads=(),
            writes=(
                _DOCUMENTS,
                _LEDGER,
                file("card", "facts of the corpus", "dataset/dataset.json"),
            ),
        ),
        Stage(
            "shard_documents",
            "Select the documents to analyse and divide them into shards.",
            "dataset",
            ShardDocuments,
            reads=(_DOCUMENTS,),
            writes=(_SHARDS,),
        ),
        Stage(
            "import_attention",
            "Import attention from AttViz's JSON files, instead of extracting it from a corpus with a model.",
            "dataset.imported",
            ImportAttention,
            reads=(),
            writes=(
                file("ledger", "what became of every document", "dataset/ledger.parquet"),
                *_CARDS,
                file("metrics", "scores of the classifier: none", _METRICS),
                _ATTENTION,
            ),
        ),
        Stage(
            "prepare_model",
            "Check the classifier, fine-tune it if configured, and evaluate it.",
            "model",
            PrepareModel,
            reads=(_DOCUMENTS,),
            writes=(_CHECKPOINT, _CARD, file("metrics", "scores of the classifier", _METRICS)),
            uses_model=True,
            each_model=True,
        ),
        Stage(
            "extract_attention",
            "Extract the self-attention of every layer and head for the documents of one shard.",
            "attention",
            ExtractAttention,
            reads=(file("shard", "documents", "shards/{shard}.parquet"), _CHECKPOINT, _CARD),
            writes=(file("attention", "self-attention of the shard", "{of}attention/{shard}.parquet"),),
            uses_model=True,
            each_model=True,
        ),
        Stage(
            "redact_attention",
            "Copy the self-attention of all shards without its words (share-safe mode).",
            "redaction",
            RedactAttention,
            reads=(_ATTENTION,),
            writes=(each_shard("redacted", "the same without words", "{of}redacted/{shard}.parquet"),),
            each_model=True,
        ),
        Stage(
            "aggregate_shard",
            "Aggregate attention over heads for each document of one shard, and sum it per token and head.",
            "analysis",
            AggregateShard,
            reads=(file("attention", "self-attention of the shard", "{of}{shown}/{shard}.parquet"),),
            writes=(
                file("aggregates", "aggregates of each document", "{of}aggregates/{shard}.parquet"),
                file("token_sums", "exact sums per token", "{of}aggregates/{shard}.token_sums.parquet"),
                file("head_sums", "exact sums per head", "{of}aggregates/{shard}.head_sums.parquet"),
            ),
            each_model=True,
            only_for_evidence=True,
        ),
        Stage(
            "aggregate_dataset",
            "Merge the sums of all shards into statistics per token, head and document.",
            "analysis",
            None,
            reads=(
                _SHOWN_ATTENTION,
                each_shard("token_sums", "exact sums per token", "{of}aggregates/{shard}.token_sums.parquet"),
                each_shard("head_sums", "exact sums per head", "{of}aggregates/{shard}.head_sums.parquet"),
                _LEDGER,
            ),
            writes=(statistics(StatisticsPaths.below),),
            each_model=True,
            only_for_evidence=True,
        ),
        Stage(
            "select_maps",
            "Select the documents that get token-to-token maps.",
            "attention.maps",
            SelectMaps,
            reads=(_DOCUMENT_INDEX, _SHARDS, _CHECKPOINT, _CARD),
            writes=(_MAP_SELECTION,),
            uses_model=True,
        ),
        Stage(
            "extract_maps",
            "Extract the token-to-token attention of the selected documents in every head.",
            "attention.maps",
            ExtractMaps,
            reads=(_MAP_SELECTION, _SHARDS, _CHECKPOINT, _CARD),
            writes=(file("maps", "token-to-token maps", _MAPS[0]),),
            uses_model=True,
            each_model=True,
        ),
        Stage(
            "assess_predictions",
            "Assess accuracy and calibration of the predictions, and correlate confidence with attention entropy.",
            "analysis.predictions",
            AssessPredictions,
            reads=(
                _DOCUMENT_INDEX,
                _SHOWN_ATTENTION,
                _AGGREGATES,
            ),
            writes=(statistics(AssessmentPaths.below),),
        ),
        Stage(
            "list_terms",
            "List the terms (tokens, words or lower-cased words) of all documents with their counts.",
            "analysis.terms",
            ListTerms,
            reads=(_SHOWN_ATTENTION,),
            writes=(_VOCABULARY,),
            each_model=True,
        ),
        Stage(
            "measure_shard",
            "Compute term statistics of one shard by document, head, class, position and length.",
            "analysis.terms",
            MeasureShard,
            reads=(file("attention", "self-attention of the shard", "{of}{shown}/{shard}.parquet"), _VOCABULARY),
            writes=(Argument("measures", _MEASURES_PREFIX, group=MeasurePaths.of, places=("{of}measures/{shard}",)),),
            each_model=True,
        ),
        Stage(
            "describe_terms",
            "Compute 95 % intervals over documents, distributions and curves of terms and heads.",
            "analysis.terms",
            DescribeTerms,
            reads=(_VOCABULARY, _MEASURES),
            writes=(statistics(TermPaths.below),),
            each_model=True,
        ),
        Stage(
            "compare_classes",
            "Test which heads and terms differ between classes, and between correct and wrong predictions.",
            "analysis.classes",
            CompareClasses,
            reads=(_VOCABULARY, _MEASURES),
            writes=(statistics(TermPaths.below),),
            each_model=True,
        ),
        Stage(
            "profile_heads",
            "Summarise what each head attends to, and assign it a role.",
            "analysis.heads",
            None,
            reads=(_SHOWN_ATTENTION,),
            writes=(table("head_profiles", "what each head attends to, and its role"),),
            each_model=True,
        ),
        Stage(
            "group_documents",
            "Group documents in which the same heads are more active than usual.",
            "analysis",
            GroupDocuments,
            reads=(
                each_shard(
                    "document_heads", "means per document and head", "{of}measures/{shard}.document_heads.parquet"
                ),
            ),
            writes=(table("document_groups", "groups of documents"),),
        ),
        Stage(
            "compare_heads",
            "Compare heads with each other and with chance (FUJI, Jensen-Shannon); cluster and project them.",
            "analysis.heads",
            CompareHeads,
            reads=(
                table("head_tokens", "statistics per token and head"),
                _SHOWN_ATTENTION,
            ),
            writes=(statistics(ComparisonPaths.below),),
        ),
        Stage(
            "compute_gradients",
            "Compute how the prediction depends on each token's embedding and on each head (gradients).",
            "evidence",
            ComputeGradients,
            reads=(*_OWN_SAMPLE, _CHECKPOINT, _CARD),
            writes=(_GRADIENTS,),
            uses_model=True,
            each_model=True,
            only_for_evidence=True,
        ),
        Stage(
            "leave_tokens_out",
            "Compute what the prediction becomes without each token of a document.",
            "evidence",
            LeaveTokensOut,
            reads=(*_OWN_SAMPLE, _CHECKPOINT, _CARD),
            writes=(_LEAVE_ONE_OUT,),
            uses_model=True,
            each_model=True,
            only_for_evidence=True,
        ),
        Stage(
            "measure_faithfulness",
            "Measure whether token scores point at the tokens that the prediction depends on.",
            "evidence",
            MeasureFaithfulness,
            reads=(
                *_OWN_SAMPLE,
                _ATTENTION,
                _CHECKPOINT,
                _CARD,
                _GRADIENTS,
                _LEAVE_ONE_OUT,
            ),
            writes=(
                evidence(
                    "faithfulness",
                    "falls of the prediction's probability, or changes of the value",
                    "document_faithfulness",
                ),
            ),
            uses_model=True,
            each_model=True,
            only_for_evidence=True,
        ),
        Stage(
            "ablate_heads",
            "Switch off every head, every layer, and more and more heads, and read the sample again.",
            "evidence",
            AblateHeads,
            reads=(
                *_OWN_SAMPLE,
                _CHECKPOINT,
                _CARD,
                _GRADIENTS,
                _HEADS,
            ),
            writes=(
                evidence("ablations", "predictions without each head and layer", "document_ablations"),
                evidence("cumulative", "predictions without more and more heads", "cumulative_ablations"),
            ),
            uses_model=True,
            each_model=True,
            only_for_evidence=True,
        ),
        Stage(
            "summarise_evidence",
            "Average the evidence over documents, beside its floor, with intervals.",
            "evidence",
            SummariseEvidence,
            reads=(
                evidence("document_faithfulness", "faithfulness of each document"),
                evidence("document_ablations", "changes without each head and layer"),
                evidence("cumulative_ablations", "predictions without more and more heads"),
            ),
            writes=(
                evidence("faithfulness", "faithfulness of token scores"),
                evidence("head_ablations", "changes without each head and layer"),
                evidence("ablation_curves", "accuracy or error by the number of heads left"),
            ),
            each_model=True,
            only_for_evidence=True,
        ),
        Stage(
            "rank_heads",
            "Compare how important heads are when switched off, by gradients, and by self-attention.",
            "evidence",
            RankHeads,
            reads=(
                evidence("document_ablations", "changes without each head and layer"),
                _GRADIENTS,
                _HEADS,
            ),
            writes=(evidence("head_importance", "importance of heads"),),
            each_model=True,
            only_for_evidence=True,
        ),
        Stage(
            "compare_terms",
            "Compare how far the prediction depends on each word and on random words of the same documents.",
            "evidence",
            CompareTerms,
            reads=(
                _SHOWN_ATTENTION,
                _GRADIENTS,
                _LEAVE_ONE_OUT,
            ),
            writes=(evidence("term_evidence", "terms on which the prediction depends"),),
        ),
        Stage(
            "compare_models",
            "Compare models that read the same documents: before and after fine-tuning, and of different seeds.",
            "models_compared",
            CompareModels,
            reads=(_MEASURES, _of_each_model("models")),
            writes=(Argument("comparison", "folder of the comparison", group=ModelsPaths.below, places=("models",)),),
        ),
        Stage(
            "draw_word_clouds",
            "Draw a word cloud over all heads, and one of each head.",
            "figures",
            DrawFigures,
            reads=(*_CARDS, statistics(Path)),
            writes=(_WORD_CLOUDS,),
        ),
        Stage(
            "draw_figures",
            "Draw the figures of the dataset, each as SVG, PNG and the CSV of its numbers.",
            "figures",
            DrawFigures,
            reads=(
                *_CARDS,
                statistics(Path),
                _WORD_CLOUDS,
                _EVIDENCE,
                _MODELS,
            ),
            writes=(_FIGURES,),
        ),
        Stage(
            "render_site",
            "Render the static site.",
            "report",
            RenderSite,
            reads=(
                *_CARDS,
                file("metrics", "scores of the classifier", _METRICS),
                statistics(Path),
                _FIGURES,
                optional("maps", "token-to-token maps and their selection; not in share-safe mode", _MAPS),
                _EVIDENCE,
                _MODELS,
                _SHOWN_ATTENTION,
                _AGGREGATES,
                _of_each_model("results"),
            ),
            writes=(_SITE, file("study", "the configuration", "study.json")),
            sources=("templates", "docs/statistics"),
        ),
        Stage(
            "export_attention",
            "Export attention in the formats of other tools that `export.formats` names.",
            "export",
            ExportAttention,
            reads=(
                _SHOWN_ATTENTION,
                optional("evidence", "evidence per token: gradients, leave_one_out", _EVIDENCE_PER_TOKEN),
            ),
            writes=(file("export", "folder of the exports", "{exported}"),),
        ),
        Stage(
            "publish",
            "Check the site and push it to a branch of a git remote.",
            "publish",
            Publish,
            reads=(_SITE,),
            writes=(),
            options=(
                Option("repository", "git checkout whose remote is used", Path()),
                Option("dry_run", "show what would be pushed where, and push nothing", default=False),
            ),
        ),
    )
}


def models_of(stage: Stage, study: Study) -> list[str]:
    """Return the names of the models for which a stage runs, the study's own first."""
    others = study.with_evidence if stage.only_for_evidence else study.compared
    return [OWN_MODEL, *(others if stage.each_model else ())]


def folder_of(model: str) -> str:
    """Return the folder of a compared model's results, with a slash after it; nothing for the study's own model."""
    return f"models/{model}/" if model != OWN_MODEL else ""


LACKING_WITHOUT_MODEL = {
    PrepareDataset,
    ShardDocuments,
    PrepareModel,
    ExtractAttention,
    SelectMaps,
    ExtractMaps,
    ComputeGradients,
    LeaveTokensOut,
    MeasureFaithfulness,
    AblateHeads,
}
"""Settings of the stages that do not exist in a study with imported attention."""

KEYS_OF_EVIDENCE: Mapping[type[Section], set[str]] = {
    ComputeGradients: {"max_documents"},
    LeaveTokensOut: {"max_documents", "leave_one_out_documents", "removal"},
    MeasureFaithfulness: {"max_documents", "removal", "scores", "fractions", "random_rankings"},
    AblateHeads: {
        *("max_documents", "ablation_documents", "cumulative_documents"),
        *("ablation", "cumulative_sizes", "random_rankings"),
    },
}
"""Keys of section `evidence` that each stage reads. The others have their defaults, because the stages take long."""

_Section = TypeVar("_Section", bound=Section)


def slice_for(study: Study, settings: type[_Section], model: str = OWN_MODEL, results: Path | None = None) -> _Section:
    """Return the settings of a study that one stage reads, so that other changes do not rerun it.

    Args:
        study: The configuration.
        settings: What the stage reads.
        model: The model for which it runs, a name in `Study.compared`; by default the study's own.
        results: Folder of the study's results; `results/<name>` in the working directory if it is None.

    Raises:
        ConfigError: The study has no such stage, because it imports its attention.
    """
    if study.imported and settings in LACKING_WITHOUT_MODEL:
        raise ConfigError(
            f"study {study.name} imports its attention and has no such stage. Run import-attention instead."
        )
    if settings is RenderSite:
        return settings.model_validate({"study": study.model_copy(update={"publish": PublishSettings()})})
    # Of a compared model only how it is made differs: documents, split and resamples are the study's.
    made = _made(study, model, results) if settings is PrepareModel else {}
    sections = {name: getattr(study, name) for name in settings.model_fields if name not in made} | made
    if settings is ExtractMaps and model != OWN_MODEL:
        # Vectors are most of a map, and the site explains the rows of the own model only.
        sections["maps"] = study.maps.model_copy(update={"vectors": 0})
    if settings in KEYS_OF_EVIDENCE:
        keys = KEYS_OF_EVIDENCE[settings]
        sections["evidence"] = EvidenceSettings.model_validate(study.evidence.model_dump(include=keys))
    return settings.model_validate(sections)


def _made(study: Study, name: str, results: Path | None) -> dict[str, Any]:
    """Return what `prepare_model` reads of the way in which a model is made."""
    compared = ComparedModel(kind="own", seed=study.seed) if name == OWN_MODEL else study.compared[name]
    model = compared.model or study.model
    if compared.kind == "epoch" and model is not None:
        # The weights of an epoch are a finished model, which the study's own training left below its checkpoint.
        source = (results or Path("results", study.name)) / epoch_weights(compared.epoch or 0)
        kept = model.model_dump(include={"max_tokens", "thresholds"})
        model = ModelSettings(source=source.as_posix(), mode="load", **kept)
    return {
        "seed": compared.seed,
        "model": model,
        "close_overlap": study.close_overlap(model),
        "is_trained": compared.kind != "pretrained",
        "keeps_epochs": compared.kind == "own" and study.compare.checkpoints != "none",
        "compared_as": name if compared.kind == "other" else None,
        "own_model": _own_model(study) if compared.kind == "other" else None,
    }


def _own_model(study: Study) -> ModelSettings | None:
    """Return what names the classes of the study's own model where it is a finished one."""
    if study.finished_model is None or study.model is None:
        return None
    return study.finished_model.model_copy(update={"label_names": study.model.label_names})


def epoch_weights(epoch: int) -> Path:
    """Return the place of an epoch's weights, below the folder of the study's results."""
    return Path("model", "checkpoint", "epochs", str(epoch))
