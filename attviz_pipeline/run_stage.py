"""Run one stage. A compared model that fails does not stop the other models: its failure becomes its result."""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from attviz_pipeline.artifacts import all_schemas
from attviz_pipeline.artifacts.failed import Failed, read_failed, write_failed
from attviz_pipeline.config.settings import ModelSettings, Section
from attviz_pipeline.errors import AttentionError, AttvizError, ConfigError, ModelError
from attviz_pipeline.formats import clip
from attviz_pipeline.published import published
from attviz_pipeline.shards import expand_shards
from attviz_pipeline.stages import Argument, Stage

logger = logging.getLogger(__name__)

Places = Mapping[str, Path | list[Path]]

RECORDED = (ModelError, AttentionError, ConfigError)
"""Errors of the model itself. A rerun mends the others: too little memory, a damaged file, a killed job."""
LONGEST_REASON = 300
LEADING_OUT = re.compile(
    r"file:[^\s,;'\"`()]+|(?<![\w/:.])(?:~|\.\.?(?=[/\\])|[A-Za-z]:(?=[/\\]))?[/\\][^\s,;:'\"`()]+"
)
"""Paths of the machine in a message: absolute, or relative to the home or to a parent folder."""
_STAGE_OF = {schema.name: schema.stage for schema in all_schemas.ALL}


def run_stage(stage: Stage, places: Places, settings: Section | None, *, is_compared: bool, **options: Any) -> Any:  # noqa: ANN401 - whatever the stage returns
    """Call the function of a stage.

    If a compared model fails by an error of its own, the error is logged, and a marker is written in place of each
    output. Later stages of that model find markers among their inputs and write markers, too, without running.

    Args:
        stage: The stage.
        places: The path of each of its arguments by name, or the list of its paths; optional ones may be missing.
        settings: What it reads of the study; None if it reads nothing.
        is_compared: Whether it runs for a compared model, not for the study's own.
        options: Values of its further options.

    Returns:
        What the function returns; None if a marker was written.

    Raises:
        AttvizError: As the stage; of a compared model only what a rerun may mend.
    """
    values = {one.name: one.value(places[one.name]) for one in stage.arguments if one.name in places} | options
    if settings is not None:
        values["settings"] = settings
    function = partial(getattr(import_module(stage.module), stage.name), **values)
    if not is_compared:
        return function()
    failed = read_failed(files_of(stage.reads, places))
    if failed is None:
        try:
            return function()
        except RECORDED as fault:
            if fault.may_pass:
                raise
            failed = Failed(stage.name, reason_of(fault, _known_paths(places, settings)))
            logger.error("%s", fault)  # noqa: TRY400 - a user's mistake has no traceback
    logger.warning(
        "this model is left out of the comparison, because %s failed. It is tried again when its settings or files "
        "change, or when you delete its folder of results",
        failed.stage,
    )
    for place in outputs_of(stage, places):
        write_failed(place, failed)
    return None


def files_of(arguments: Iterable[Argument], places: Places) -> Iterator[Path]:
    """Yield the files and folders that arguments stand for: of all shards, and of a group of files each."""
    for one in arguments:
        given = places.get(one.name, [])
        for path in expand_shards(given if isinstance(given, list) else [given]):
            yield from [path] if one.group in {None, Path} else vars(one.group(path)).values()


def outputs_of(stage: Stage, places: Places) -> Iterator[Path]:
    """Yield the files and folders that a stage writes; of a group that several stages write, only its own."""
    for one in stage.writes:
        if one.group is None:
            yield from files_of([one], places)
            continue
        given = places[one.name]
        for path in given if isinstance(given, list) else [given]:
            yield from (file for name, file in vars(one.group(path)).items() if stage.name in _STAGE_OF[name])


def reason_of(fault: AttvizError, known: Iterable[str] = ()) -> str:
    """Write an error on one line, without the folders of the machine.

    Args:
        fault: The error; its remedy is left out.
        known: Paths that may be in the message, for those with blanks in them.
    """
    parts = [fault.summary, *(f"{problem.where} {problem.what}" for problem in fault.problems)]
    text = " ".join(" ".join(parts).split())
    for path in sorted(known, key=len, reverse=True):
        text = published(path).join(re.split(rf"{re.escape(path)}(?![\w.-])", text))
    return clip(LEADING_OUT.sub(lambda found: published(found[0]), text), LONGEST_REASON)


def _known_paths(places: Places, settings: Section | None) -> set[str]:
    paths = {path for given in places.values() for path in (given if isinstance(given, list) else [given])}
    model = getattr(settings, "model", None)
    if isinstance(model, ModelSettings):
        paths.add(Path(model.source))
    found = {Path.cwd(), *(path for path in paths if published(str(path)) != str(path))}
    # The root of the file system is in every path.
    return {str(path) for path in (*found, *(path.resolve() for path in found)) if path.name}
