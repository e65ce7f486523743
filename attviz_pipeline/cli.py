"""Command line: one subcommand per stage of the workflow, and commands to check a study and to draw one figure.

A stage is imported when it runs, so that parsing the workflow and `--help` do not import torch.
"""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias, TypeVar

from attviz_pipeline import __version__
from attviz_pipeline.config.reading import parse_settings, read_study, require_utf8
from attviz_pipeline.config.settings import Section
from attviz_pipeline.devices import reserved_gpu
from attviz_pipeline.errors import AttvizError
from attviz_pipeline.faults import explained
from attviz_pipeline.stages import STAGES, DrawFigures, Stage, slice_for

logger = logging.getLogger("attviz_pipeline")

EXIT_USER_ERROR = 2
COLUMNS = {
    "text_column": "column with the text",
    "pair_column": "column with a second text, if the model reads pairs of texts",
    "label_column": "column with the gold label",
    "id_column": "column with a unique id",
}
"""Options of `init` that name a column, with their help."""
EXIT_INTERRUPTED = 130

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - has no public name
Settings = TypeVar("Settings", bound=Section)
Handler = Callable[[argparse.Namespace], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand.

    Returns:
        0 on success; 2 for a user's mistake or a machine that is too small, reported without a traceback; 130 after an
        interruption; 1 after any other exception, which is a bug and is logged with its traceback.
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
    with explained():
        require_utf8()
        _log_to(options.log)
        with reserved_gpu(options.gpus):
            options.handler(options)


def _run_stage(stage: Stage, options: argparse.Namespace) -> None:
    """Call the function of a stage with the arguments of its command; print its result, if it returns one."""
    from attviz_pipeline.run_stage import run_stage

    given = {name: value for name, value in vars(options).items() if value is not None}
    places = {one.name: given[one.name] for one in stage.arguments if one.name in given}
    further = {option.name: given[option.name] for option in stage.options}
    settings = None if stage.settings is None else _settings(options, stage.settings)
    done = run_stage(stage, places, settings, is_compared=bool(given.get("of")), **further)
    if done is not None:
        print(done)


def draw_figure(options: argparse.Namespace) -> None:
    """Draw one figure for a paper: at a chosen width and font size, as SVG, PDF or PNG."""
    from attviz_pipeline.artifacts.layout import EvidencePaths, ModelsPaths
    from attviz_pipeline.figures.draw_figure import Shape, draw_figure
    from attviz_pipeline.figures.drawing import Inputs

    evidence = EvidencePaths.below(options.evidence) if options.evidence else None
    models = ModelsPaths.below(options.models) if options.models else None
    inputs = Inputs.below(options.statistics, _settings(options, DrawFigures), evidence, models)
    shape = Shape(options.width_cm, options.height_cm, options.font_size, options.dpi)
    draw_figure(inputs, options.name, shape, options.output)


def compare_studies(options: argparse.Namespace) -> None:
    """Compare the models of finished studies of the same documents: a site of the first with the page Models."""
    from attviz_pipeline.compare_studies import compare_studies

    compare_studies(options.results, options.site)
    print(options.site / "index.html")


def check_config(options: argparse.Namespace) -> None:
    """Check a study file and list all its problems."""
    study = read_study(options.config)
    print(f"{options.config}: study `{study.name}` is valid")


def init(options: argparse.Namespace) -> None:
    """Begin a study: look at texts and a model, and write NAME.yaml with the settings that fit them."""
    from attviz_pipeline.new_study import Wanted, begin_study, command_for

    columns = {key: name for key in COLUMNS if (name := getattr(options, key)) is not None}
    wanted = Wanted(
        options.name,
        options.data,
        options.model,
        options.revision,
        columns,
        options.output_names,
        options.mode,
        options.label_columns or (),
    )
    path, study = begin_study(wanted, Path())
    print(f"{path}: study `{options.name}`")
    for title, lines in {"found": study.found, "assumed": study.assumed}.items():
        print(f"{title}:", *lines, sep="\n  ")
    print(f"next: {command_for(path)}")


def write_reference(options: argparse.Namespace) -> None:
    """Write the documents that are generated from code: config table, config schema, artifact formats."""
    from attviz_pipeline import reference

    for path in reference.write_reference(options.root):
        print(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="attviz-pipeline", description=__doc__.splitlines()[0])
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for stage in STAGES.values():
        _add_stage(commands, stage)
    _add_draw_figure(_add(commands, draw_figure, settings=True))
    _add_compare_studies(_add(commands, compare_studies))
    _add_init(_add(commands, init))
    _add(commands, check_config).add_argument("--config", type=Path, required=True, metavar="PATH", help="study file")
    reference = _add(commands, write_reference)
    reference.add_argument("--root", type=Path, required=True, metavar="PATH", help="top folder of the repository")
    return parser


def _add_stage(commands: Commands, stage: Stage) -> None:
    command = _add_command(
        commands, stage.command, stage.summary, partial(_run_stage, stage), settings=stage.settings is not None
    )
    for argument in stage.arguments:
        n_values = argument.optional or ("+" if argument.many else None)
        command.add_argument(
            argument.flag,
            type=Path,
            required=not argument.optional,
            nargs=n_values,
            metavar="PATH",
            help=argument.description,
        )
    if stage.each_model:
        of = (
            "folder of a compared model below the study's results; its errors become its result. Empty (the default) "
            "for the study's own model"
        )
        command.add_argument("--of", default="", metavar="FOLDER", help=of)
    for option in stage.options:
        flag = f"--{option.name.replace('_', '-')}"
        if option.default is False:
            command.add_argument(flag, action="store_true", help=option.description)
        else:
            command.add_argument(flag, type=Path, default=option.default, metavar="PATH", help=option.description)


def _add_draw_figure(command: argparse.ArgumentParser) -> None:
    for name, description in {
        "--statistics": "folder of the statistics",
        "--output": "file to write; ends in .svg, .pdf or .png",
    }.items():
        command.add_argument(name, type=Path, required=True, metavar="PATH", help=description)
    of_evidence = "folder of the evidence, for figures that need it"
    command.add_argument("--evidence", type=Path, metavar="PATH", help=of_evidence)
    of_models = "folder of the comparison of models, for figures that need it"
    command.add_argument("--models", type=Path, metavar="PATH", help=of_models)
    command.add_argument("--name", required=True, metavar="NAME", help="name in figures.json, for example reliability")
    command.add_argument("--width-cm", type=float, default=8.9, metavar="CM", help="width (default: 8.9, half a page)")
    command.add_argument("--height-cm", type=float, metavar="CM", help="height (default: in proportion)")
    command.add_argument("--font-size", type=float, metavar="POINTS", help="font size (default: 7)")
    command.add_argument("--dpi", type=int, default=300, metavar="N", help="resolution of a PNG (default: 300)")


def _add_compare_studies(command: argparse.ArgumentParser) -> None:
    results = "folders of at least two finished studies, results/NAME; the site is that of the first"
    command.add_argument("results", nargs="+", type=Path, metavar="RESULTS", help=results)
    site = "folder of the site; only one that this command wrote is replaced"
    command.add_argument("--site", required=True, type=Path, metavar="FOLDER", help=site)


def _add_init(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", metavar="NAME", help="name of the study: lower-case letters, digits, - and _")
    data = "local file with texts; several are train=PATH, validation=PATH, test=PATH, or named so"
    command.add_argument("--data", required=True, nargs="+", metavar="PATH", help=data)
    command.add_argument("--model", required=True, metavar="MODEL", help="folder of a model, or a hub id owner/name")
    command.add_argument("--revision", metavar="COMMIT", help="commit of a hub model (default: the newest)")
    for key, description in COLUMNS.items():
        flag = f"--{key.replace('_', '-')}"
        command.add_argument(flag, metavar="NAME", help=f"{description} (default: found out)")
    labels = "columns of 0 and 1, one for each label that a document can have"
    command.add_argument("--label-columns", nargs="+", metavar="NAME", help=labels)
    names = "names of the model's outputs in order, if it only numbers them"
    command.add_argument("--output-names", nargs="+", metavar="NAME", help=names)
    mode = "load a finished classifier, or fine-tune a model (default: found out)"
    command.add_argument("--mode", choices=("load", "fine_tune"), help=mode)


def _add(commands: Commands, handler: Handler, *, settings: bool = False) -> argparse.ArgumentParser:
    name = handler.__name__.replace("_", "-")
    return _add_command(commands, name, handler.__doc__ or "", handler, settings=settings)


def _add_command(
    commands: Commands, name: str, summary: str, handler: Handler, *, settings: bool
) -> argparse.ArgumentParser:
    help_text = summary.replace("%", "%%")
    command = commands.add_parser(name, help=help_text, description=help_text)
    command.set_defaults(handler=handler)
    command.add_argument("--log", type=Path, metavar="FILE", help="write the log to this file, too")
    command.add_argument("--threads", type=int, metavar="N", help="number of CPU cores (default: all)")
    command.add_argument(
        "--gpus",
        type=int,
        choices=(0, 1),
        default=0,
        help="GPUs to reserve; 0 (the default) uses any visible GPU unreserved",
    )
    if settings:
        source = command.add_mutually_exclusive_group(required=True)
        source.add_argument("--config", type=Path, metavar="FILE", help="study file, for example config/config.yaml")
        source.add_argument("--settings", metavar="JSON", help="this stage's part of the configuration")
    return command


def _settings(options: argparse.Namespace, wanted: type[Settings]) -> Settings:
    if options.settings is not None:
        return parse_settings(wanted, options.settings)
    return slice_for(read_study(options.config), wanted)


class _LogFile(logging.FileHandler):
    """A log file that stops with one warning if it cannot be written: results may be on another disk than logs."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        logging.getLogger().removeHandler(self)
        logger.warning("cannot write the log any more: %s (at: %s)", sys.exc_info()[1], record.getMessage())


def _start_logging() -> None:
    terminal = logging.StreamHandler()
    # On a terminal the progress bar shows the state, and log lines would break it up.
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
    # Libraries read these variables when they are first imported, which happens later.
    os.environ.update({"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"})
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    # By default a waiting thread keeps its core busy. If jobs share cores, it holds up the threads that it waits for.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if n_threads is not None:
        os.environ.update({"OMP_NUM_THREADS": str(n_threads), "RAYON_NUM_THREADS": str(n_threads)})
