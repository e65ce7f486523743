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
from typing import TypeVar

from attviz_pipeline import __version__, config
from attviz_pipeline.artifacts.layout import StatisticsPaths
from attviz_pipeline.errors import AttvizError, ResourceError

logger = logging.getLogger("attviz_pipeline")

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130

Settings = TypeVar("Settings", bound=config.Section)
Handler = Callable[[argparse.Namespace], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand.

    Returns:
        0 on success; 2 for a user's mistake or a machine too small, told in a few lines without a traceback;
        130 after an interruption. An unexpected fault propagates with its traceback: it is a bug.
    """
    options = _parser().parse_args(arguments)
    _start_logging(options.log)
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
        options.handler(options)
    except OSError as fault:
        if fault.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS}:
            raise
        where = fault.filename or "the output folder"
        raise ResourceError(
            f"cannot write {where}: {fault.strerror}.", remedy="Nothing half-written was kept."
        ) from None


def prepare_dataset(options: argparse.Namespace) -> None:
    """Read the corpus, check every row, split it."""
    from attviz_pipeline import dataset

    settings = _settings(options, config.PrepareDataset)
    dataset.prepare_dataset(settings, options.documents, options.ledger, options.card)


def shard_documents(options: argparse.Namespace) -> None:
    """Choose the documents to analyse and deal them out to shards."""
    from attviz_pipeline import dataset

    dataset.shard_documents(_settings(options, config.ShardDocuments), options.documents, options.shards)


def prepare_model(options: argparse.Namespace) -> None:
    """Verify the classifier, fine-tune it if asked for, score it."""
    from attviz_pipeline import model

    settings = _settings(options, config.PrepareModel)
    model.prepare_model(settings, options.documents, options.checkpoint, options.card, options.metrics)


def extract_attention(options: argparse.Namespace) -> None:
    """Read the self-attention of every layer and head for one shard."""
    from attviz_pipeline import attention

    settings = _settings(options, config.ExtractAttention)
    attention.extract_attention(settings, options.shard, options.checkpoint, options.card, options.attention)


def aggregate_shard(options: argparse.Namespace) -> None:
    """Aggregate each document of one shard over heads, and sum the shard per token and head."""
    from attviz_pipeline import analysis

    analysis.aggregate_shard(options.attention, options.aggregates, options.token_sums, options.head_sums)


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


def draw_figures(options: argparse.Namespace) -> None:
    """Draw the figures of the dataset."""
    from attviz_pipeline import figures

    statistics = StatisticsPaths.below(options.statistics)
    settings = _settings(options, config.DrawFigures)
    figures.draw_figures(settings, statistics.tokens, statistics.head_tokens, statistics.heads, options.figures)


def render_site(options: argparse.Namespace) -> None:
    """Render the static site."""
    from attviz_pipeline import report
    from attviz_pipeline.provenance import collect_provenance

    inputs = report.SiteInputs(
        dataset=options.dataset_card,
        model=options.model_card,
        metrics=options.metrics,
        statistics=StatisticsPaths.below(options.statistics),
        attention=options.attention,
        aggregates=options.aggregates,
        figures=options.figures,
        provenance=collect_provenance(),
    )
    report.render_site(_settings(options, config.RenderSite), inputs, options.site)


def check_config(options: argparse.Namespace) -> None:
    """Check a study file and say what is wrong with it, all at once."""
    study = config.read_study(options.config)
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

    command = _add(commands, prepare_dataset, settings=True)
    _paths(command, documents="every usable row", ledger="what became of every row", card="facts of the corpus")

    command = _add(commands, shard_documents, settings=True)
    _paths(command, documents="every usable row")
    _path_lists(command, shards="one file per shard")

    command = _add(commands, prepare_model, settings=True)
    _paths(command, documents="every usable row", checkpoint="folder of the classifier", card="facts of the classifier")
    _paths(command, metrics="scores of the classifier")

    command = _add(commands, extract_attention, settings=True)
    _paths(command, shard="documents", checkpoint="folder of the classifier", card="facts of the classifier")
    _paths(command, attention="self-attention of the shard")

    command = _add(commands, aggregate_shard)
    _paths(command, attention="self-attention of the shard", aggregates="aggregates of each document")
    _paths(command, token_sums="sums per token", head_sums="sums per head")

    command = _add(commands, aggregate_dataset)
    _path_lists(command, attention="self-attention, all shards")
    _path_lists(command, token_sums="sums per token, all shards", head_sums="all shards")
    _paths(command, ledger="what became of every row", statistics="folder of the statistics")

    command = _add(commands, draw_figures, settings=True)
    _paths(command, statistics="folder of the statistics", figures="folder of the figures")

    command = _add(commands, render_site, settings=True)
    _paths(command, dataset_card="facts of the corpus", model_card="facts of the classifier", metrics="its scores")
    _paths(command, statistics="folder of the statistics", figures="folder of the figures", site="folder of the site")
    _path_lists(command, attention="self-attention, all shards", aggregates="aggregates, all shards")

    _paths(_add(commands, check_config), config="study file")
    _paths(_add(commands, write_reference), root="top folder of the repository")
    return parser


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", handler: Handler, *, settings: bool = False
) -> argparse.ArgumentParser:
    name = handler.__name__.replace("_", "-")
    command = commands.add_parser(name, help=handler.__doc__, description=handler.__doc__)
    command.set_defaults(handler=handler)
    command.add_argument("--log", type=Path, metavar="FILE", help="write the log there too")
    command.add_argument("--threads", type=int, metavar="N", help="cores to compute with; left out, all")
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
        return config.parse_settings(stage, options.settings)
    return config.slice_for(config.read_study(options.config), stage)


def _start_logging(log: Path | None) -> None:
    terminal = logging.StreamHandler()
    # On a terminal the progress bar speaks; lines in between would tear it.
    terminal.setLevel(logging.WARNING if sys.stderr.isatty() else logging.INFO)
    terminal.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    handlers: list[logging.Handler] = [terminal]
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(log, mode="w", encoding="utf-8"))
        handlers[-1].setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=handlers, force=True)
    logger.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)


def _limit_threads(n_threads: int | None) -> None:
    # Libraries read these when they are first imported, which is after this.
    os.environ.update({"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"})
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    if n_threads is not None:
        os.environ.update({"OMP_NUM_THREADS": str(n_threads), "RAYON_NUM_THREADS": str(n_threads)})
