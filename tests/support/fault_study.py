"""A finished study, the calls of which it was made, ways to harm it, and a count of the harm done."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tiny_workflow import ROOT, content, write_study

COUNTS = "ATTVIZ_FAULT_COUNTS"
"""Names the file to which each case adds a line; `make faults` makes the table in docs/reliability.md of it."""
PARTS_OF_A_CHECKOUT = ("attviz_pipeline", "config", "docs", "environment.yml", "Snakefile", "templates", "workflow")
N_SHARDS = 2
SHARDS = [f"{index:05d}-of-{N_SHARDS:05d}" for index in range(N_SHARDS)]
AGGREGATES = ["--", *(f"results/tiny/aggregates/{shard}.parquet" for shard in SHARDS)]
"""What Snakemake is asked for to run the first stages only."""
C_LOCALE = {"LC_ALL": "C", "LANG": "C", "PYTHONCOERCECLOCALE": "0"}


@dataclass(frozen=True)
class Call:
    """One call of the program, as Snakemake made it in the study's folder."""

    arguments: tuple[str, ...]
    seconds: float

    @property
    def stage(self) -> str:
        return self.arguments[2]


@dataclass(frozen=True)
class FaultStudy:
    """A study in a folder, beside the checkout that made it."""

    base: Path
    calls: tuple[Call, ...]
    undisturbed: dict[str, bytes]
    """Every file of the finished study but logs and benchmarks, by its path below the results."""

    @property
    def folder(self) -> Path:
        return self.base / "study"

    @property
    def results(self) -> Path:
        return self.folder / "results" / "tiny"

    def copy(self, base: Path, *, finished: bool = True) -> "FaultStudy":
        """Copy study and checkout, with what has been made or without."""
        unfinished = shutil.ignore_patterns("results", ".snakemake")
        shutil.copytree(self.base, base, ignore=None if finished else unfinished, dirs_exist_ok=True)
        return replace(self, base=base)

    def results_now(self) -> dict[str, bytes]:
        """Every file but logs, benchmarks and Snakemake's own marks."""
        strangers = ("logs/", "benchmarks/")
        found = content(self.results).items()
        return {name: value for name, value in found if not name.startswith(strangers) and ".snakemake" not in name}

    def call(self, call: Call, **options: object) -> "subprocess.Popen[str]":
        """Start one stage again."""
        return self.popen([sys.executable, *call.arguments], **options)

    def popen(self, command: list[str], **environment: object) -> "subprocess.Popen[str]":
        variables = self.environment | {name: str(value) for name, value in environment.items()}
        return subprocess.Popen(
            command,
            env=variables,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )

    @property
    def environment(self) -> dict[str, str]:
        programs = f"{self.base / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        return os.environ | {"PATH": programs, "PYTHONPATH": str(self.base / "checkout")}

    def snakemake(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        """Start the workflow as the local profile does."""
        snakefile = self.base / "checkout" / "Snakefile"
        profile = self.base / "checkout" / "workflow" / "profiles" / "local"
        call = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--configfile", "study.yaml"]
        return self.popen([*call, "--workflow-profile", str(profile), "--cores", "2", *arguments], **environment)

    def run(self, *arguments: str, expect: int = 0, **environment: str) -> str:
        """Run the workflow to its end and return what it said."""
        process = self.snakemake(*arguments, **environment)
        said = process.communicate(timeout=600)[0]
        assert process.returncode == expect, said
        return said


@pytest.fixture(scope="session")
def fault_study(tmp_path_factory: pytest.TempPathFactory) -> FaultStudy:
    """A study of two shards that has run to its end, undisturbed, in a folder with spaces and other alphabets."""
    base = tmp_path_factory.mktemp("störfälle und ж")
    for part in PARTS_OF_A_CHECKOUT:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        copy(ROOT / part, base / "checkout" / part, **_without_caches(part))
    (base / "study").mkdir()
    write_study(base / "study", n_shards=N_SHARDS)
    study = FaultStudy(base, (), {})
    calls = _note_calls(base)
    study.run()
    shutil.rmtree(base / "bin")
    return replace(study, calls=tuple(calls()), undisturbed=study.results_now())


def _without_caches(part: str) -> dict[str, Callable[..., set[str]]]:
    return {"ignore": shutil.ignore_patterns("__pycache__")} if (ROOT / part).is_dir() else {}


def _note_calls(base: Path) -> Callable[[], Iterator[Call]]:
    """Put a `python` before the real one that notes what it is called with and how long that takes."""
    (base / "bin").mkdir()
    (base / "calls").mkdir()
    python = base / "bin" / "python"
    lines = [
        "#!/bin/sh",
        f'note=$(mktemp "{base}/calls/XXXXXXXX")',
        'printf "%s\\0" "$(date +%s.%N)" "$@" > "$note"',
        f'"{sys.executable}" "$@"',
        'code=$?; date +%s.%N >> "$note"; exit $code',
    ]
    python.write_text("\n".join(lines) + "\n", encoding="utf-8")
    python.chmod(0o755)

    def calls() -> Iterator[Call]:
        notes = [note.read_text(encoding="utf-8").split("\0") for note in (base / "calls").iterdir()]
        for start, *arguments, end in sorted(notes, key=lambda note: float(note[0])):
            yield Call(tuple(arguments), float(end) - float(start))

    return calls


def count(fault: str, n_cases: int = 1) -> None:
    """Note that so many cases of a fault ended as they should."""
    if path := os.environ.get(COUNTS):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps([fault, n_cases]) + "\n")


def chance(*seed: object) -> random.Random:
    """Return random numbers for one place in a test; ATTVIZ_FAULT_SEED gives others."""
    words = [os.environ.get("ATTVIZ_FAULT_SEED", "0"), *map(str, seed)]
    return random.Random("/".join(words))  # noqa: S311 - moments and places, not secrets


def kill(process: "subprocess.Popen[str]") -> bool:
    """End a process and all that it started, at once and without a word; False if it had ended by itself."""
    running = process.poll() is None
    if running:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return running


@contextmanager
def small_disk(place: Path, n_bytes: int) -> Iterator[None]:
    """Mount a file system in memory; skip where that is not allowed."""
    place.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={n_bytes}", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small disk cannot be mounted here: that takes root")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def wait_for(condition: Callable[[], object], process: "subprocess.Popen[str]", seconds: float = 120) -> None:
    """Wait until something is true or the process has ended."""
    deadline = time.monotonic() + seconds
    while not condition() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)
