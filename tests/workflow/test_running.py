"""The stages in one process: the same calls as the workflow's rules make, and in an order in which they can run."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from finished_study import SHELL_COMMAND
from slow_cases import rest_is_slow
from tiny_workflow import ROOT

from attviz_pipeline.config.reading import parse_study
from attviz_pipeline.config.study import Study
from attviz_pipeline.run_stage import outputs_of
from attviz_pipeline.running import Call, calls_of
from attviz_pipeline.shards import EVERY, expand_shards
from attviz_pipeline.stages import STAGES, Argument, folder_of, slice_for

STUDIES = {
    "two shards": {"documents": {"n_shards": 2}},
    "evidence": {"evidence": {"enabled": True}},
    "share-safe": {
        "documents": {"n_shards": 2},
        "evidence": {"enabled": True},
        "redaction": {"mode": "shape"},
    },
    "compared": {"compare": {"pretrained": True, "seeds": [14, 15]}, "redaction": {"mode": "shape"}},
    "evidence of compared models": {
        "documents": {"n_shards": 2},
        "compare": {"pretrained": True, "seeds": [14]},
        "evidence": {"enabled": True},
    },
    "imported": {"dataset": {"source": "attention.json", "format": "attviz_json"}, "model": None},
}
OF_RULES_ONLY = {"--log", "--threads", "--gpus"}


def study_of(changes: dict[str, object]) -> dict[str, object]:
    study = {"name": "tiny", "dataset": {"source": "texts.csv"}, "model": {"source": "bert"}} | changes
    return {key: value for key, value in study.items() if value is not None}


def options_of(words: list[str]) -> tuple[str, dict[str, object]]:
    """Split a command into its name and its options, without those that only a rule gives."""
    options: dict[str, list[str]] = {}
    for word in words[1:]:
        if word.startswith("--"):
            values = options.setdefault(word, [])
        else:
            values += map(str, expand_shards([Path(word)]) if EVERY.search(word) else [word])
    found: dict[str, object] = {name: values for name, values in options.items() if name not in OF_RULES_ONLY}
    if "--settings" in options:
        found["--settings"] = json.loads(options["--settings"][0])
    return words[0], found


def jobs_of_rules(folder: Path, study: dict[str, object]) -> list[str]:
    """Return what a dry run says of each job."""
    (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--configfile", "study.yaml"]
    finished = subprocess.run(
        [*command, "--cores", "1", "--dry-run", "--printshellcmds"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return finished.stdout.split("\nrule ")[1:]


def calls_of_rules(jobs: list[str]) -> list[tuple[str, dict[str, object]]]:
    lines = [line for job in jobs for line in job.splitlines()]
    return [options_of(shlex.split(line)[5:]) for line in lines if line.startswith(SHELL_COMMAND)]


def outputs_of_each_model(jobs: list[str]) -> list[set[str]]:
    """Return what each job writes of the rules that run for every model."""
    rules = {name for name, stage in STAGES.items() if stage.each_model}
    lines = [line for job in jobs if job.partition(":")[0] in rules for line in job.splitlines()]
    return [set(line.split(": ", 1)[1].split(", ")) for line in lines if line.startswith("    output: ")]


def as_command(call: Call, study: Study) -> tuple[str, dict[str, object]]:
    options: dict[str, object] = {}
    for one in call.stage.arguments:
        if one.name in call.places:
            given = call.places[one.name]
            options[one.flag] = [str(path) for path in (given if isinstance(given, list) else [given])]
    if call.stage.each_model:
        options["--of"] = [folder_of(call.model)]
    if call.stage.settings is not None:
        options["--settings"] = json.loads(slice_for(study, call.stage.settings, call.model).model_dump_json())
    return call.stage.command, options


def in_order(call: tuple[str, dict[str, object]]) -> str:
    return json.dumps(call, sort_keys=True)


@pytest.mark.parametrize("changes", rest_is_slow(STUDIES.values()), ids=STUDIES)
def test_the_same_calls_as_the_rules_make(changes: dict[str, object], tmp_path: Path) -> None:
    content = study_of(changes)
    study = parse_study(content, "test")

    calls = [as_command(call, study) for call in calls_of(study, Path("results/tiny"))]

    jobs = jobs_of_rules(tmp_path, content)
    rules = calls_of_rules(jobs)
    assert sorted(calls, key=in_order) == sorted(rules, key=in_order)
    assert len(rules) > 10
    of_models = [call for call in calls_of(study, Path("results/tiny")) if call.stage.each_model]
    written = [{str(path) for path in outputs_of(call.stage, call.places)} for call in of_models]
    assert sorted(written, key=sorted) == sorted(outputs_of_each_model(jobs), key=sorted)


@pytest.mark.parametrize("changes", STUDIES.values(), ids=STUDIES)
def test_every_file_is_written_before_it_is_read(changes: dict[str, object]) -> None:
    study = parse_study(study_of(changes), "test")
    there: set[str] = set()

    for call in calls_of(study, Path()):
        read = {str(path) for one in call.stage.reads if one.group is not Path for path in files_of(call, one)}
        assert read <= there, call.stage.name
        there |= {str(path) for one in call.stage.writes for path in files_of(call, one)}


def test_models_are_compared_after_their_evidence() -> None:
    study = parse_study(study_of(STUDIES["evidence of compared models"]), "test")

    names = [call.stage.name for call in calls_of(study, Path())]

    # It is given the folders of the models, and not the files that it reads there.
    compared = names.index("compare_models")
    assert names.count("rank_heads") == names.count("summarise_evidence") == 2
    assert not {"rank_heads", "summarise_evidence", "profile_heads"} & set(names[compared:])


def files_of(call: Call, one: Argument) -> list[Path]:
    given = call.places.get(one.name, [])
    paths = given if isinstance(given, list) else [given]
    return [file for path in paths for file in (vars(one.group(path)).values() if one.group else [path])]
