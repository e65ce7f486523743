"""The study, the names of its shards, and what each rule depends on. The only functions beside rules."""

import os
import sys
from pathlib import Path

REPOSITORY = Path(workflow.basedir)
sys.path.insert(0, str(REPOSITORY))

from snakemake.io import contains_wildcard
from snakemake.logging import logger
from snakemake.settings.types import DeploymentMethod
from snakemake.utils import update_config

from attviz_pipeline.environment import missing_module, use_this_interpreter
from attviz_pipeline.errors import AttvizError


def stop(fault):
    """End with the message alone: Snakemake would print a traceback."""
    print(fault, file=sys.stderr)
    os._exit(fault.exit_code)


try:
    from attviz_pipeline.closure import source_files
    from attviz_pipeline.config.reading import (
        parse_study,
        require_utf8,
        typed_overrides,
    )
    from attviz_pipeline.leftovers import remove_unredacted
    from attviz_pipeline.stages import STAGES, slice_for

    # Jobs for which conda makes an environment use that one.
    if DeploymentMethod.CONDA not in workflow.deployment_settings.deployment_method:
        use_this_interpreter(REPOSITORY)
except ModuleNotFoundError as fault:
    stop(missing_module(fault))
except AttvizError as fault:
    stop(fault)


def load_study():
    """Check the whole configuration before any job runs; tell every problem at once."""
    update_config(config, typed_overrides(workflow.config_settings.config))
    origin = (
        ", ".join(str(path) for path in workflow.config_settings.configfiles)
        or "config/config.yaml"
    )
    try:
        require_utf8()
        return parse_study(config, origin)
    except AttvizError as fault:
        stop(fault)


def stage_settings(stage):
    """The part of the configuration that a stage reads, as JSON: a change elsewhere does not rerun it."""
    text = slice_for(STUDY, STAGES[stage].settings).model_dump_json()
    return lambda wildcards: text  # in a text itself, Snakemake reads braces


def stage_code(stage):
    """The sources of a stage, relative to the working directory: an edit reruns it, a touch or a move does not."""
    names = [os.path.relpath(REPOSITORY / path) for path in source_files(STAGES[stage])]
    return [name for name in names if not contains_wildcard(name)]


def command(stage):
    """The shell line of a stage, from its declaration in attviz_pipeline/stages.py."""
    return STAGES[stage].shell()


def existing_files(*paths):
    """Local files that a study names; those that do not exist are left for the stage to report."""
    return [name for name in _files(paths) if not contains_wildcard(name)]


def braced_files(*paths):
    """Those among the files whose names Snakemake takes for patterns, with what changes when they do."""
    states = [
        (name, os.stat(name).st_size, os.stat(name).st_mtime_ns)
        for name in _files(paths)
        if contains_wildcard(name)
    ]
    return lambda wildcards: states


def _files(paths):
    found = [Path(path) for path in paths if path]
    files = [
        file
        for path in found
        for file in (
            [path]
            if path.is_file()
            else sorted([*path.glob("*"), *path.glob("*/*.arrow")])
        )
    ]
    return [str(file) for file in files if file.is_file()]


def texts_mb(input):
    """Megabytes of the texts that a job reads, without the model's files; Snakemake asks again until they are there."""
    return (
        sum(os.path.getsize(path) for path in input if path.endswith(".parquet")) / 1e6
    )


def model_memory_mb(wildcards, input, attempt):
    """More for a large shard, and twice as much for each repetition: on a cluster, memory is what jobs run out of."""
    return round(STUDY.resources.memory_mb + 10 * texts_mb(input)) * 2 ** (attempt - 1)


def model_runtime_minutes(wildcards, input, attempt):
    """Of a text's megabytes, BERT-base reads four an hour on two cores; a repetition gets as much again."""
    return round(STUDY.resources.runtime_minutes + 15 * texts_mb(input)) * attempt


def remove_unredacted_results():
    """In share-safe mode, delete what earlier runs left unredacted; what later runs replace or read again stays."""
    if STUDY.redaction.mode != "none":
        for path in remove_unredacted(Path(RESULTS), SHARDS):
            logger.warning(f"{path} was made without redaction: deleted.")


def announce_site():
    """Say where the site is, unless only a part of the workflow was asked for."""
    index = Path(RESULTS, "site", "index.html")
    if index.is_file():
        print(f"The site: {index.absolute().as_uri()}")


STUDY = load_study()
RESULTS = f"results/{STUDY.name}"
N_SHARDS = STUDY.documents.n_shards
# The names contain the number of shards: files of another sharding never match.
SHARDS = [f"{index:05d}-of-{N_SHARDS:05d}" for index in range(N_SHARDS)]
# What all that follows extraction reads; in share-safe mode the copy without words, so that none can show one.
ATTENTION = f"{RESULTS}/{'attention' if STUDY.redaction.mode == 'none' else 'redacted'}"


wildcard_constraints:
    shard=r"\d{5}-of-\d{5}",
