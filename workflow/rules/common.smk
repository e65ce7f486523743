"""The study, the names of its shards, and the dependencies of each rule. All functions of the workflow are here."""

import os
import sys
from pathlib import Path

REPOSITORY = Path(workflow.basedir)
sys.path.insert(0, str(REPOSITORY))

from snakemake.exceptions import WorkflowError
from snakemake.io import contains_wildcard
from snakemake.iocontainers import InputFiles
from snakemake.logging import logger
from snakemake.settings.types import DeploymentMethod
from snakemake.utils import update_config

from attviz_pipeline.environment import missing_module, use_this_interpreter
from attviz_pipeline.errors import AttvizError, ConfigError


def stop(fault):
    """Exit with only the message; if raised, Snakemake would print a traceback."""
    print(fault, file=sys.stderr)
    os._exit(fault.exit_code)


try:
    from attviz_pipeline.artifacts.layout import EvidencePaths, ModelsPaths
    from attviz_pipeline.closure import source_digest
    from attviz_pipeline.config.reading import (
        parse_study,
        require_utf8,
        typed_overrides,
    )
    from attviz_pipeline.leftovers import remove_unredacted
    from attviz_pipeline.machine import require_machine
    from attviz_pipeline.run_stage import outputs_of
    from attviz_pipeline.shards import every_shard, shard_names
    from attviz_pipeline.stages import (
        OWN_MODEL,
        STAGES,
        PrepareModel,
        folder_of,
        slice_for,
    )

    # With conda, jobs use the environment that conda builds.
    USES_CONDA = (
        DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
    )
    if not USES_CONDA:
        use_this_interpreter(REPOSITORY)
except ModuleNotFoundError as fault:
    stop(missing_module(fault))
except AttvizError as fault:
    stop(fault)


def load_study():
    """Check the whole configuration before any job runs, and report all problems at once."""
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
    """The settings that a stage reads, as JSON, so that other changes do not rerun it."""
    models = [OWN_MODEL, *(STUDY.compared if STAGES[stage].each_model else ())]
    texts = {
        folder_of(model): slice_for(
            STUDY, STAGES[stage].settings, model, Path(RESULTS)
        ).model_dump_json()
        for model in models
    }
    # A function, because Snakemake would format braces in a string.
    return lambda wildcards: texts[wildcards.get("of", "")]


def of_own_model(stage):
    """The outputs of a stage that also runs for compared models, for the study's own."""
    places = {
        one.name: Path(RESULTS, one.places[0].format(of=folder_of(OWN_MODEL)))
        for one in STAGES[stage].writes
    }
    return [path.as_posix() for path in outputs_of(STAGES[stage], places)]


def named_of_own_model(stage):
    """The same by name."""
    return {Path(path).stem: path for path in of_own_model(stage)}


# Paths in parameters come from inputs and outputs, which a storage provider replaces by local copies.


def all_shards(name):
    """What stands on a command for the files of all shards, because thousands of names do not fit there."""
    return lambda wildcards, input, output: EVERY_SHARD.join(
        _around_shard(name, input, output)
    )


def measures_of_all_shards(name):
    """The same without the names of the measures."""
    return lambda wildcards, input, output: (
        _around_shard(name, input, output)[0] + EVERY_SHARD
    )


def _around_shard(name, input, output):
    before, _, after = (input.get(name) or output.get(name))[0].rpartition(SHARDS[0])
    return before, after


def folders_of_models(wildcards, input):
    """Results of each model, the study's own first; the first input is in a folder of the latter."""
    own = Path(input[0]).parents[1]
    return [(own / folder_of(name)).as_posix() for name in [OWN_MODEL, *STUDY.compared]]


def stage_code(stage):
    """A digest of the sources of a stage, so that an edit reruns the stage; a touch or a move does not."""
    return source_digest(STAGES[stage])


def command(stage):
    """The shell line of a stage, from its declaration in attviz_pipeline/stages.py."""
    return STAGES[stage].shell()


def existing_files(*paths):
    """Existing local files that a study names; the stage reports missing ones."""
    return [name for name in _files(paths) if not _is_watched(name)]


def model_source(wildcards):
    """Where a model comes from: the one that its study names, or weights of an epoch."""
    settings = slice_for(STUDY, PrepareModel, model_of(wildcards), Path(RESULTS))
    return settings.model.source


def model_files(wildcards):
    """Local files of a model that a job prepares; weights of an epoch are in the checkpoint of the study's own model."""
    compared = STUDY.compared.get(model_of(wildcards))
    if compared and compared.kind == "epoch":
        return [f"{RESULTS}/model/checkpoint"]
    return existing_files(model_source(wildcards))


def model_of(wildcards):
    """Name of the model of a job: the name of its folder."""
    return os.path.basename(wildcards.of.rstrip("/"))


def watched_files(*paths):
    """Files that are no inputs, with size and time, so that a change reruns the stage."""
    states = _states(paths)
    return lambda wildcards: states


def watched_model_files(wildcards):
    """The same of the model that a job prepares."""
    return _states([model_source(wildcards)])


def _states(paths):
    return [
        (name, os.stat(name).st_size, os.stat(name).st_mtime_ns)
        for name in _files(paths)
        if _is_watched(name)
    ]


def _is_watched(name):
    # Snakemake would read braces as a pattern. With a storage, it would look for the file there, or, if it is marked as
    # local, run the job on the login node.
    return bool(STORAGE) or contains_wildcard(name)


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
    """Megabytes of the texts that a job reads, without the model's files; Snakemake evaluates it again when they exist."""
    # Snakemake's own sizes, because with a storage provider a file may have no local copy yet.
    return InputFiles([path for path in input if path.endswith(".parquet")]).size / 1e6


def model_memory_mb(wildcards, input, attempt):
    """More for a large shard, doubled at each retry, because jobs on a cluster most often run out of memory."""
    return round(STUDY.resources.memory_mb + 10 * texts_mb(input)) * 2 ** (attempt - 1)


def model_runtime_minutes(wildcards, input, attempt):
    """15 minutes per megabyte of texts, the speed of BERT-base on two cores; multiplied by the attempt."""
    return round(STUDY.resources.runtime_minutes + 15 * texts_mb(input)) * attempt


def require_no_storage_for_epochs():
    """Refuse to compare epochs with a storage provider: their weights are a model in the folder of results."""
    if STORAGE and any(one.kind == "epoch" for one in STUDY.compared.values()):
        stop(
            ConfigError(
                f"compare.checkpoints reads weights in {RESULTS}, which a storage provider does not keep there.",
                remedy="Set compare.checkpoints: none, or run without a storage provider.",
            )
        )


def check_machine():
    """Where jobs run on this machine, refuse what it cannot extract before any job runs, and so before training."""
    # With conda, torch is only in the environment of the jobs.
    if USES_CONDA or not workflow.local_exec:
        return
    extracts = any(
        job.rule.name == "extract_attention" for job in workflow.dag.needrun_jobs()
    )
    if extracts:
        try:
            require_machine(STUDY)
        except AttvizError as fault:
            raise WorkflowError(str(fault))


def remove_unredacted_results():
    """In share-safe mode, delete unredacted files of earlier runs that no stage replaces or reads."""
    if STUDY.redaction.mode != "none" and STORAGE:
        logger.warning(
            f"{RESULTS} is in a storage, where unredacted files of earlier runs are not deleted: docs/cluster.md."
        )
    elif STUDY.redaction.mode != "none":
        for path in remove_unredacted(
            Path(RESULTS),
            SHARDS,
            STUDY.compared,
            evidence=STUDY.evidence.enabled,
            with_evidence=STUDY.with_evidence,
        ):
            logger.warning(f"{path} was made without redaction: deleted.")


def announce_site():
    """Print the path of the site, if there is one, or its place in the storage."""
    index = Path(RESULTS, "site", "index.html")
    if index.is_file():
        print(f"The site: {index.absolute().as_uri()}")
    elif STORAGE and exists(f"{RESULTS}/site"):
        print(f"The site: {rules.render_site.output.site.storage_object.query}")


STUDY = load_study()
RESULTS = f"results/{STUDY.name}"
# Where results are kept, if not in this folder: the name of a plugin for Snakemake.
STORAGE = workflow.storage_settings.default_storage_provider
require_no_storage_for_epochs()
N_SHARDS = STUDY.documents.n_shards
# The names contain the number of shards, so that files of another number of shards never match.
SHARDS = shard_names(N_SHARDS)
# What stands for all of them on a command, which could not hold thousands of names.
EVERY_SHARD = every_shard(N_SHARDS)
# Later stages read this; in share-safe mode it is the copy without words, so that no stage can show a word.
SHOWN = "attention" if STUDY.redaction.mode == "none" else "redacted"
ATTENTION = f"{RESULTS}/{SHOWN}"
# Results of each model, the study's own first.
MODEL_FOLDERS = [
    f"{RESULTS}/{folder_of(name)}" for name in [OWN_MODEL, *STUDY.compared]
]
# Start of the paths of a rule that also runs for compared models; the wildcard is empty for the study's own.
OF_MODEL = f"{RESULTS}/{{of}}"

# Cores of a job that reads documents. Two of them run side by side, which is faster than one after the other on all cores.
SIDE_BY_SIDE = max(1, STUDY.resources.threads // 2)
# Cores of a job that extracts attention. On a GPU it writes on one while another feeds the GPU, and a job without others has all.
WHILE_EXTRACTING = (
    STUDY.resources.threads
    if STUDY.resources.gpu or (N_SHARDS == 1 and not STUDY.compared)
    else SIDE_BY_SIDE
)

# Maps contain words, so share-safe mode has none; imported attention has no model that could make them.
SHOWN_MAPS = (
    []
    if STUDY.imported or STUDY.redaction.mode != "none"
    else [f"{RESULTS}/maps/maps.parquet", f"{RESULTS}/maps/map_selection.json"]
)


# What evidence adds to the results of a study.
EVIDENCE = (
    [*vars(EvidencePaths.below(Path(RESULTS, "evidence"))).values()]
    if STUDY.evidence.enabled
    else []
)


# What the comparison of models adds.
MODELS = (
    [*vars(ModelsPaths.below(Path(RESULTS, "models"))).values()]
    if STUDY.compared
    else []
)


wildcard_constraints:
    of="|".join(["()", *map(folder_of, STUDY.compared)]),
    shard=r"\d{5}-of-\d{5}",
