"""A study that has run to its end under Snakemake, beside its own checkout, and the calls of which it was made."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from shared_folders import built_once
from stage_processes import StageProcess
from tiny_workflow import ROOT, SMALL_EVIDENCE, content, write_study
from warm_python import PROGRAM_NAMED, python_function, warm_python

PARTS_OF_A_CHECKOUT = (
    "attviz_pipeline",
    "config",
    "docs",
    "environment.yml",
    "pyproject.toml",
    "Snakefile",
    "templates",
    "workflow",
)
SHELL_COMMAND = "Shell command: python -m attviz_pipeline "
N_SHARDS = 2
SHARDS = [f"{index:05d}-of-{N_SHARDS:05d}" for index in range(N_SHARDS)]
AGGREGATES = ["--", *(f"results/tiny/aggregates/{shard}.parquet" for shard in SHARDS)]
"""What Snakemake is asked for to run the first stages only."""
C_LOCALE = {"LC_ALL": "C", "LANG": "C", "PYTHONCOERCECLOCALE": "0"}


@dataclass(frozen=True)
class Call:
    """One call of the program, as Snakemake makes it in the study's folder."""

    arguments: tuple[str, ...]
    """What follows `python -m attviz_pipeline`."""

    @property
    def stage(self) -> str:
        return self.arguments[0]


@dataclass(frozen=True)
class FinishedStudy:
    """A study in a folder, beside the checkout that made it."""

    base: Path
    code: Path
    """The checkout whose code called stages run: it outlives every copy, whose checkouts are the same."""
    calls: tuple[Call, ...]
    undisturbed: dict[str, bytes]
    """Every file of the finished study but logs and benchmarks, by its path below the results."""

    @property
    def folder(self) -> Path:
        return self.base / "study"

    @property
    def results(self) -> Path:
        return self.folder / "results" / "tiny"

    def copy(self, base: Path, *, finished: bool = True) -> "FinishedStudy":
        """Copy study and checkout, with what has been made or without."""
        unfinished = shutil.ignore_patterns("results", ".snakemake")
        shutil.copytree(self.base, base, ignore=None if finished else unfinished, dirs_exist_ok=True)
        return replace(self, base=base)

    def results_now(self) -> dict[str, bytes]:
        """Every file but logs, benchmarks and Snakemake's own marks."""
        strangers = ("logs/", "benchmarks/")
        found = content(self.results).items()
        return {name: value for name, value in found if not name.startswith(strangers) and ".snakemake" not in name}

    def call(self, call: Call) -> StageProcess:
        """Start one stage again."""
        return StageProcess(call.arguments, self.folder, self.code)

    def python(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        """Start an interpreter of its own in the study's folder."""
        return subprocess.Popen(
            [sys.executable, *arguments],
            env=self.environment | environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )

    @property
    def environment(self) -> dict[str, str]:
        programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        changed = {"PATH": programs, "PYTHONPATH": str(self.base / "checkout"), "BASH_ENV": str(self._before_stages)}
        return os.environ | changed

    @property
    def _before_stages(self) -> Path:
        """Bash reads this file before the command of every rule."""
        return self.base / "before_stages.sh"

    def before_stages(self, *lines: str) -> None:
        """Put lines of shell, `$*` being its arguments, before what the stages' `python` does; without any, none."""
        self._before_stages.write_text(python_function(*lines), encoding="utf-8")

    def snakemake(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        """Start the workflow as the local profile does."""
        snakefile = self.base / "checkout" / "Snakefile"
        profile = self.base / "checkout" / "workflow" / "profiles" / "local"
        call = ["-m", "snakemake", "--snakefile", str(snakefile), "--configfile", "study.yaml"]
        return self.python(*call, "--workflow-profile", str(profile), "--cores", "2", *arguments, **environment)

    def run(self, *arguments: str, expect: int = 0, **environment: str) -> str:
        """Run the workflow to its end and return what it said."""
        # What is read at start-up cannot be set for jobs that are forked.
        forked = {} if environment else {PROGRAM_NAMED: str(warm_python())}
        process = self.snakemake(*arguments, **environment, **forked)
        said = process.communicate(timeout=1800)[0]
        assert process.returncode == expect, said
        return said

    def planned_calls(self, *arguments: str) -> list[Call]:
        """Return what Snakemake would call, in an order in which it can be called."""
        listing = self.run("--dry-run", "--printshellcmds", *arguments)
        return [Call(tuple(shlex.split(line)[5:])) for line in listing.splitlines() if line.startswith(SHELL_COMMAND)]

    def run_calls(self, calls: Iterable[Call]) -> None:
        """Run stages one after the other, without Snakemake."""
        for call in calls:
            process = self.call(call)
            said = process.communicate()[0]
            assert process.returncode == 0, (call.stage, said)


@pytest.fixture(scope="session")
def finished_study(tmp_path_factory: pytest.TempPathFactory) -> FinishedStudy:
    """The study of this run of the tests, which all of its workers share: copy it before you change it."""
    base = built_once(tmp_path_factory, "störfälle und ж", build)
    calls = [Call(tuple(arguments)) for arguments in json.loads((base / "calls.json").read_text(encoding="utf-8"))]
    study = FinishedStudy(base, base / "checkout", tuple(calls), {})
    return replace(study, undisturbed=study.results_now())


def build(base: Path) -> None:
    """Run a study of two shards with evidence to its end, undisturbed, by a checkout of its own."""
    for part in PARTS_OF_A_CHECKOUT:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        copy(ROOT / part, base / "checkout" / part, **_without_caches(part))
    (base / "study").mkdir()
    write_study(base / "study", evidence=SMALL_EVIDENCE, n_shards=N_SHARDS)
    study = FinishedStudy(base, base / "checkout", (), {})
    study.before_stages()
    study.run()
    calls = [call.arguments for call in study.planned_calls("--forceall")]
    (base / "calls.json").write_text(json.dumps(calls), encoding="utf-8")


def _without_caches(part: str) -> dict[str, Callable[..., set[str]]]:
    return {"ignore": shutil.ignore_patterns("__pycache__")} if (ROOT / part).is_dir() else {}
