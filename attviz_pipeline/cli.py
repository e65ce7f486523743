"""The command line: one subcommand per stage of the workflow, and a few for people.

A stage is imported inside its handler: parsing the workflow or asking for help must not wait for torch.
"""

import argparse
import errno
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias, TypeVar

from attviz_pipeline import __version__
from attviz_pipeline.artifacts.layout import AssessmentPaths, ComparisonPaths, MeasurePaths, StatisticsPaths, TermPaths
from attviz_pipeline.config import stages
from attviz_pipeline.config.reading import parse_settings, read_study, require_utf8
from attviz_pipeline.config.settings import Section
from attviz_pipeline.devices import reserved_gpu
from attviz_pipeline.environment import missing_module
from attviz_pipeline.errors import AttvizError, ResourceError
from attviz_pipeline.faults import machine_fault

logger = logging.getLogger("attviz_pipeline")

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - has no public name
Settings = TypeVar("Settings", bound=Section)
Handler = Callable[[argparse.Namespace], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand.

    Returns:
        0 on success; 2 for a user's mistake or a machine too small, told in a few lines without a traceback;
        130 after an interruption. An unexpected fault propagates with its traceback: it is a bug.
    """
    options = _parser().parse_args(arguments)
    _start_logging()
    _limit_threads(options.threads)
    try:
        _run(options)
    except AttvizError as fault:
        logger.error("%s", fault)  # noqa: TRY400
        return fault.exit_code
    except KeyboardInterrupt:
        logger.error("interrupted; nothing half-written was kept")  # noqa: TRY400
        return EXIT_INTERRUPTED
    except Exception:
        logger.exception("unexpected fault in %s: please report it with this log", options.command)
        return 1
    return 0


def _run(options: argparse.Namespace) -> None:
    try:
        require_utf8()
        _log_to(options.log)
        with reserved_gpu(options.gpus):
            options.handler(options)
    except (MemoryError, RuntimeError) as fault:
        error = machine_fault(fault)
        if error is None:
            raise
        raise error from None
    except ModuleNotFoundError as fault:
        raise missing_module(fault) from None
    except OSError as fault:
        if fault.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EEXIST}:
            raise
        where, why = fault.filename or "the output folder", fault.strerror or os.strerror(fault.errno)
        raise ResourceError(f"cannot write {where}: {why}.", remedy="Nothing half-written was kept.") from None


def prepare_dataset(options: argparse.Namespace) -> None:
    """Read the corpus, check every row, split it."""
    from attviz_pipeline import dataset

    settings = _settings(options, stages.PrepareDataset)
    dataset.prepare_dataset(settings, options.documents, options.ledger, options.card)


def shard_documents(options: argparse.Namespace) -> None:
    """Choose the documents to analyse and deal them out to shards."""
    from attviz_pipeline import dataset

    dataset.shard_documents(_settings(options, stages.ShardDocuments), options.documents, options.shards)


def prepare_model(options: argparse.Namespace) -> None:
    """Verify the classifier, fine-tune it if asked for, score it."""
    from attviz_pipeline import model

    settings = _settings(options, stages.PrepareModel)
    model.prepare_model(settings, options.documents, options.checkpoint, options.card, options.metrics)


def extract_attention(options: argparse.Namespace) -> None:
    """Read the self-attention of every layer and head for one shard."""
    from attviz_pipeline import attention

    settings = _settings(options, stages.ExtractAttention)
    attention.extract_attention(settings, options.shard, options.checkpoint, options.card, options.attention)


def import_attention(options: argparse.Namespace) -> None:
    """Read attention that AttViz's own tools extracted, in place of corpus, model and extraction."""
    from attviz_pipeline import dataset

    output = dataset.ImportedFiles(
        ledger=options.ledger,
        dataset=options.dataset_card,
        model=options.model_card,
        metrics=options.metrics,
        attention=options.attention,
    )
    dataset.import_attention(_settings(options, stages.ImportAttention), output)


def aggregate_shard(options: argparse.Namespace) -> None:
    """Aggregate each document of one shard over heads, and sum the shard per token and head."""
    from attviz_pipeline import analysis

    settings = _settings(options, stages.AggregateShard)
    outputs = (options.aggregates, options.token_sums, options.head_sums)
    analysis.aggregate_shard(options.attention, *outputs, definition=settings.aggregates.definition)


def aggregate_dataset(options: argparse.Namespace) -> None:
    """Add up the shards to the statistics of the whole dataset."""
    from attviz_pipeline import analysis

    analysis.aggregate_dataset(
        options.attention,
        options.token_sums,
        options.head_sums,
        options.ledger,
        StatisticsPaths.below(options.statistics),
    )


def redact_attention(options: argparse.Namespace) -> None:
    """Copy the self-attention of all shards without its words."""
    from attviz_pipeline import redaction

    redaction.redact_attention(_settings(options, stages.RedactAttention), options.attention, options.redacted)


def assess_predictions(options: argparse.Namespace) -> None:
    """Score and calibrate the predictions, and compare confidence with the entropy of attention."""
    from attviz_pipeline import analysis

    analysis.assess_predictions(
        _settings(options, stages.AssessPredictions),
        StatisticsPaths.below(options.statistics).document_index,
        options.attention,
        options.aggregates,
        AssessmentPaths.below(options.statistics),
    )


def list_terms(options: argparse.Namespace) -> None:
    """List the terms of all documents, and count the documents that each is seen in."""
    from attviz_pipeline import analysis

    analysis.list_terms(_settings(options, stages.ListTerms), options.attention, options.vocabulary)


def measure_shard(options: argparse.Namespace) -> None:
    """Measure the terms of one shard by document, head, class, position and length."""
    from attviz_pipeline import analysis

    measures = MeasurePaths.of_shard(options.measures, options.attention.stem)
    analysis.measure_shard(_settings(options, stages.MeasureShard), options.attention, options.vocabulary, measures)


def describe_terms(options: argparse.Namespace) -> None:
    """Describe terms and heads, with intervals that take documents for the unit."""
    from attviz_pipeline import analysis

    measures = [MeasurePaths.of_shard(options.measures, shard) for shard in options.shards]
    statistics = TermPaths.below(options.statistics)
    analysis.describe_terms(_settings(options, stages.DescribeTerms), options.vocabulary, measures, statistics)


def compare_classes(options: argparse.Namespace) -> None:
    """Test which heads and terms differ between classes, and between right and wrong predictions."""
    from attviz_pipeline import analysis

    measures = [MeasurePaths.of_shard(options.measures, shard) for shard in options.shards]
    statistics = TermPaths.below(options.statistics)
    analysis.compare_classes(_settings(options, stages.CompareClasses), options.vocabulary, measures, statistics)


def group_documents(options: argparse.Namespace) -> None:
    """Group documents in which the same heads are more active than usual."""
    from attviz_pipeline import analysis

    analysis.group_documents(_settings(options, stages.GroupDocuments), options.document_heads, options.document_groups)


def compare_heads(options: argparse.Namespace) -> None:
    """Compare heads with each other and with chance; cluster and map them."""
    from attviz_pipeline import analysis

    settings = _settings(options, stages.CompareHeads)
    output = ComparisonPaths.below(options.statistics)
    analysis.compare_heads(settings, options.head_tokens, options.attention, output)


def profile_heads(options: argparse.Namespace) -> None:
    """Describe what each head attends to, and name its role."""
    from attviz_pipeline import analysis

    analysis.profile_heads(options.attention, options.head_profiles)


def extract_maps(options: argparse.Namespace) -> None:
    """Choose documents, and map what each of their tokens attends to in every head."""
    from attviz_pipeline import attention

    inputs = attention.MapInputs(options.document_index, options.shards, options.checkpoint, options.card)
    attention.extract_maps(_settings(options, stages.ExtractMaps), inputs, options.maps, options.selection)


def draw_figures(options: argparse.Namespace) -> None:
    """Draw the figures of the dataset."""
    from attviz_pipeline import figures
    from attviz_pipeline.provenance import collect_provenance

    settings = _settings(options, stages.DrawFigures)
    provenance = figures.study_provenance(options.dataset_card, options.model_card, settings.seed, collect_provenance())
    figures.draw_figures(figures.Inputs.below(options.statistics, settings), provenance, options.figures)


def draw_figure(options: argparse.Namespace) -> None:
    """Draw one figure for a paper: at a chosen width and font size, as SVG, PDF or PNG."""
    from attviz_pipeline import figures

    inputs = figures.Inputs.below(options.statistics, _settings(options, stages.DrawFigures))
    shape = figures.Shape(options.width_cm, options.height_cm, options.font_size, options.dpi)
    figures.draw_figure(inputs, options.name, shape, options.output)


def render_site(options: argparse.Namespace) -> None:
    """Render the static site."""
    from attviz_pipeline import report
    from attviz_pipeline.provenance import collect_provenance

    inputs = report.SiteInputs(
        dataset=options.dataset_card,
        model=options.model_card,
        metrics=options.metrics,
        statistics=StatisticsPaths.below(options.statistics),
        terms=TermPaths.below(options.statistics),
        comparison=ComparisonPaths.below(options.statistics),
        head_profiles=options.statistics / "head_profiles.parquet",
        document_groups=options.statistics / "document_groups.parquet",
        assessment=AssessmentPaths.below(options.statistics),
        attention=options.attention,
        aggregates=options.aggregates,
        figures=options.figures,
        provenance=collect_provenance(),
        maps=report.MapInputs(*options.maps) if options.maps else None,
    )
    report.render_site(_settings(options, stages.RenderSite), inputs, options.site)


def export_attention(options: argparse.Namespace) -> None:
    """Write attention in the formats of other tools."""
    from attviz_pipeline import export

    export.export_attention(_settings(options, stages.ExportAttention), options.attention, options.output)


def publish(options: argparse.Namespace) -> None:
    """Check the site and push it to a branch of a git remote."""
    from attviz_pipeline import publish as publishing
    from attviz_pipeline import report

    settings = _settings(options, stages.Publish)
    if options.dry_run:
        settings = settings.model_copy(update={"publish": settings.publish.model_copy(update={"dry_run": True})})
    print(publishing.publish(settings, options.site, options.repository, report.render_runs))


def check_config(options: argparse.Namespace) -> None:
    """Check a study file and say what is wrong with it, all at once."""
    study = read_study(options.config)
    print(f"{options.config}: study `{study.name}` is valid")


def write_reference(options: argparse.Namespace) -> None:
    """Write the documents that are generated from code: config table, config schema, artefact formats."""
    from attviz_pipeline import reference

    for path in reference.write_reference(options.root):
        print(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="attviz-pipeline", description=__doc__.splitlines()[0])
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_corpus_and_model(commands)
    _add_attention(commands)
    _add_statistics(commands)
    _add_figures(commands)
    _add_site(commands)
    _paths(_add(commands, check_config), config="study file")
    _paths(_add(commands, write_reference), root="top folder of the repository")
    return parser


def _add_corpus_and_model(commands: Commands) -> None:
    command = _add(commands, prepare_dataset, settings=True)
    _paths(command, documents="every usable row", ledger="what became of every row", card="facts of the corpus")

    command = _add(commands, shard_documents, settings=True)
    _paths(command, documents="every usable row")
    _path_lists(command, shards="one file per shard")

    command = _add(commands, prepare_model, settings=True)
    _paths(command, documents="every usable row", checkpoint="folder of the classifier", card="facts of the classifier")
    _paths(command, metrics="scores of the classifier")


def _add_attention(commands: Commands) -> None:
    command = _add(commands, extract_attention, settings=True)
    _paths(command, shard="documents", checkpoint="folder of the classifier", card="facts of the classifier")
    _paths(command, attention="self-attention of the shard")

    command = _add(commands, import_attention, settings=True)
    _paths(command, ledger="what became of every document", dataset_card="facts of the corpus")
    _paths(command, model_card="facts of the classifier", metrics="scores of the classifier: none")
    _path_lists(command, attention="self-attention, one file per shard")

    command = _add(commands, redact_attention, settings=True)
    _path_lists(command, attention="self-attention, all shards", redacted="the same without words, as many")

    command = _add(commands, extract_maps, settings=True)
    _paths(command, document_index="all documents", checkpoint="folder of the classifier")
    _paths(command, card="facts of the classifier", maps="token-to-token maps", selection="documents that have maps")
    _path_lists(command, shards="documents, all shards")

    command = _add(commands, export_attention, settings=True)
    _path_lists(command, attention="self-attention, all shards")
    _paths(command, output="folder of the exports")


def _add_statistics(commands: Commands) -> None:
    command = _add(commands, aggregate_shard, settings=True)
    _paths(command, attention="self-attention of the shard", aggregates="aggregates of each document")
    _paths(command, token_sums="sums per token", head_sums="sums per head")

    command = _add(commands, aggregate_dataset)
    _path_lists(command, attention="self-attention, all shards")
    _path_lists(command, token_sums="sums per token, all shards", head_sums="all shards")
    _paths(command, ledger="what became of every row", statistics="folder of the statistics")

    command = _add(commands, assess_predictions, settings=True)
    _path_lists(command, attention="self-attention, all shards", aggregates="aggregates, all shards")
    _paths(command, statistics="folder of the statistics")

    command = _add(commands, list_terms, settings=True)
    _path_lists(command, attention="self-attention, all shards")
    _paths(command, vocabulary="terms and their counts")

    command = _add(commands, measure_shard, settings=True)
    _paths(command, attention="self-attention of the shard", vocabulary="terms and their counts")
    _paths(command, measures="folder of the measures; they are named after the shard")

    for handler in (describe_terms, compare_classes):
        command = _add(commands, handler, settings=True)
        _paths(command, vocabulary="terms and their counts", measures="folder of the measures")
        command.add_argument("--shards", required=True, nargs="+", metavar="NAME", help="names of all shards")
        _paths(command, statistics="folder of the statistics")

    command = _add(commands, group_documents, settings=True)
    _path_lists(command, document_heads="means of every document in every head, all shards")
    _paths(command, document_groups="groups of documents")

    command = _add(commands, compare_heads, settings=True)
    _path_lists(command, attention="self-attention, all shards")
    _paths(command, head_tokens="statistics per token and head", statistics="folder of the statistics")

    command = _add(commands, profile_heads)
    _path_lists(command, attention="self-attention, all shards")
    _paths(command, head_profiles="what each head attends to, and its role")


def _add_figures(commands: Commands) -> None:
    command = _add(commands, draw_figures, settings=True)
    _paths(command, dataset_card="facts of the corpus", model_card="facts of the classifier")
    _paths(command, statistics="folder of the statistics", figures="folder of the figures")

    command = _add(commands, draw_figure, settings=True)
    _paths(command, statistics="folder of the statistics", output="file to write; ends in .svg, .pdf or .png")
    command.add_argument("--name", required=True, metavar="NAME", help="as in figures.json, for example reliability")
    command.add_argument("--width-cm", type=float, default=8.9, metavar="CM", help="width; left out, half a page")
    command.add_argument("--height-cm", type=float, metavar="CM", help="height; left out, in proportion")
    command.add_argument("--font-size", type=float, metavar="POINTS", help="size of the words; left out, 7")
    command.add_argument("--dpi", type=int, default=300, metavar="N", help="resolution of a PNG")


def _add_site(commands: Commands) -> None:
    command = _add(commands, render_site, settings=True)
    _paths(command, dataset_card="facts of the corpus", model_card="facts of the classifier", metrics="its scores")
    _paths(command, statistics="folder of the statistics", figures="folder of the figures", site="folder of the site")
    command.add_argument(
        "--maps",
        type=Path,
        nargs=2,
        metavar=("MAPS", "SELECTION"),
        help="token-to-token maps and which documents have some; never where words are redacted",
    )
    _path_lists(command, attention="self-attention, all shards", aggregates="aggregates, all shards")

    command = _add(commands, publish, settings=True)
    _paths(command, site="folder of the site")
    command.add_argument(
        "--repository", type=Path, default=Path(), metavar="PATH", help="git checkout whose remote is meant"
    )
    command.add_argument("--dry-run", action="store_true", help="say what would be pushed where, and push nothing")


def _add(commands: Commands, handler: Handler, *, settings: bool = False) -> argparse.ArgumentParser:
    name = handler.__name__.replace("_", "-")
    command = commands.add_parser(name, help=handler.__doc__, description=handler.__doc__)
    command.set_defaults(handler=handler)
    command.add_argument("--log", type=Path, metavar="FILE", help="write the log there too")
    command.add_argument("--threads", type=int, metavar="N", help="cores to compute with; left out, all")
    command.add_argument(
        "--gpus", type=int, choices=(0, 1), default=0, help="GPUs to reserve; 0 reserves none and uses what is there"
    )
    if settings:
        source = command.add_mutually_exclusive_group(required=True)
        source.add_argument("--config", type=Path, metavar="FILE", help="study file, for example config/config.yaml")
        source.add_argument("--settings", metavar="JSON", help="only this stage's part of the configuration")
    return command


def _paths(command: argparse.ArgumentParser, **options: str) -> None:
    for name, description in options.items():
        command.add_argument(f"--{name.replace('_', '-')}", type=Path, required=True, metavar="PATH", help=description)


def _path_lists(command: argparse.ArgumentParser, **options: str) -> None:
    for name, description in options.items():
        flag = f"--{name.replace('_', '-')}"
        command.add_argument(flag, type=Path, required=True, nargs="+", metavar="PATH", help=description)


def _settings(options: argparse.Namespace, stage: type[Settings]) -> Settings:
    if options.settings is not None:
        return parse_settings(stage, options.settings)
    return stages.slice_for(read_study(options.config), stage)


class _LogFile(logging.FileHandler):
    """A log whose disk may fill up: said once, on the terminal; the results may lie on another."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        logging.getLogger().removeHandler(self)
        logger.warning("cannot write the log any more: %s (at: %s)", sys.exc_info()[1], record.getMessage())


def _start_logging() -> None:
    terminal = logging.StreamHandler()
    # On a terminal the progress bar speaks; lines in between would tear it.
    terminal.setLevel(logging.WARNING if sys.stderr.isatty() else logging.INFO)
    terminal.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[terminal], force=True)
    logger.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)


def _log_to(log: Path | None) -> None:
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        handler = _LogFile(log, mode="w", encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logging.getLogger().addHandler(handler)


def _limit_threads(n_threads: int | None) -> None:
    # Libraries read these when they are first imported, which is after this.
    os.environ.update({"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"})
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    if n_threads is not None:
        os.environ.update({"OMP_NUM_THREADS": str(n_threads), "RAYON_NUM_THREADS": str(n_threads)})
