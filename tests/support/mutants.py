"""Put small faults into the code, one at a time, and see which the tests do not notice: `make mutants`.

The faults are a seeded sample of those that `mutations.py` finds in the packages of the numbers. Each is made in a copy
of the checkout, in the folder `.mutants`, and meets the tests that call the function it is in, as a recording of the
tests says. Results are kept there too: a run that was stopped goes on, and only what has changed since is tried again.
`tests/mutants.toml` lists the mutants that no test need notice, each with the reason.
"""

import argparse
import ast
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import traceback
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pytest
from call_recorder import CallRecorder
from mutations import Mutant, mutants_of

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".mutants"
MUTATED = tuple(f"attviz_pipeline/{name}/" for name in ("analysis", "attention", "artifacts"))
RECORDED = ("attviz_pipeline/",)
TESTS = (
    *(f"tests/{name}" for name in ("analysis", "attention", "dataset", "figures", "model")),
    *(f"tests/workflow/test_{name}.py" for name in ("artifacts", "config", "documents", "library")),
)
N_MUTANTS, LEAST_NOTICED, SEED = 300, 0.9, 13
SECONDS_OF_TESTS = 60.0
"""Most time of tests that one mutant meets: a function that all stages call has hundreds."""
QUIET = (
    *("-q", "--no-header", "--tb=no", "-m", "not slow and not browser"),
    *("-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:anyio"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # of plugins that the libraries below import
)
NO_END = 70
"""Exit code of a run of pytest that broke off."""
LIBRARIES = ("numpy", "pyarrow.parquet", "scipy.stats", "sklearn.cluster", "torch", "transformers")
"""What most tests import, imported once: mutants meet their tests in forks of this process."""


class Named(NamedTuple):
    """A mutant of a file."""

    path: str
    mutant: Mutant

    @property
    def key(self) -> str:
        return f"{self.path}::{self.mutant.function}: {self.mutant.becomes}"


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def copy_checkout() -> Path:
    """Make the copy the same as the checkout, with what is not committed yet; return its folder."""
    list_files = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(list_files, cwd=ROOT, capture_output=True, check=True)
    tree = FOLDER / "tree"
    wanted = {name for name in os.fsdecode(listing.stdout).split("\0") if name and (ROOT / name).is_file()}
    for path in [path for path in tree.rglob("*") if path.is_file() and path.suffix != ".pyc"]:
        if str(path.relative_to(tree)) not in wanted:
            path.unlink()
    for name in wanted:
        source, target = ROOT / name, tree / name
        if not target.is_file() or target.read_bytes() != source.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    return tree


def digest(*paths: Path) -> str:
    """Return a digest of files, and of all modules in folders."""
    files = sorted({file for path in paths for file in ([path] if path.is_file() else path.rglob("*.py"))})
    return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()[:16]


def in_a_fork(log: Path, timeout: float, arguments: list[str], recording: Path | None = None) -> int | None:
    """Run pytest in a process of its own; return its exit code, or None if it took longer than the timeout."""
    child = os.fork()
    if child == 0:
        _run_pytest(log, arguments, recording)
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _run_pytest(log: Path, arguments: list[str], recording: Path | None) -> NoReturn:
    code = NO_END
    try:
        os.setsid()
        with log.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        recorder = CallRecorder(RECORDED) if recording else None
        code = int(pytest.main([*QUIET, *arguments], [recorder] if recorder else []))
        if recorder and recording:
            recorder.write(recording)
    except Exception:  # noqa: BLE001 - a fork must not go on as its parent
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def record(places: list[str]) -> dict[str, Any]:
    """Return functions and seconds of every test that passes, by its name; only changed files of tests run again."""
    code = digest(Path("attviz_pipeline"), Path("tests/support"), Path("tests/conftest.py"))
    found: dict[str, Any] = {}
    for file in [
        file
        for place in map(Path, places)
        for file in ([place] if place.is_file() else sorted(place.rglob("test_*.py")))
    ]:
        recording = FOLDER / "recordings" / f"{file.stem}-{digest(file)}-{code}.json"
        if not recording.is_file():
            recording.parent.mkdir(exist_ok=True)
            log = FOLDER / "recording.log"
            if in_a_fork(log, 1800, [str(file)], recording) not in (0, 1, 5):
                sys.exit(f"ERROR: {file} cannot be recorded: see {log}")
            say(f"recorded {file}")
        found |= json.loads(recording.read_text(encoding="utf-8"))
    return found


def sample(places: list[str], n_mutants: int) -> list[Named]:
    """Return mutants in a random order that edits of other lines do not change."""
    files = sorted(file for file in Path("attviz_pipeline").rglob("*.py") if str(file).startswith(tuple(places)))
    found = [Named(str(file), mutant) for file in files for mutant in mutants_of(file.read_text(encoding="utf-8"))]
    return sorted(found, key=lambda named: hashlib.sha256(f"{SEED} {named.key}".encode()).digest())[:n_mutants]


def imported_by(file: Path) -> set[str]:
    imports = [node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.ImportFrom)]
    names = {f"{node.module}.{alias.name}" for node in imports for alias in node.names}
    return names | {str(node.module) for node in imports}


@cache
def importers(path: str) -> frozenset[str]:
    """Return the files of the package that import a module, and those that import them, and so on."""
    imports = {str(file): imported_by(file) for file in Path("attviz_pipeline").rglob("*.py")}
    found, new = frozenset[str](), {path}
    while new:
        modules = {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in new}
        new = {name for name, imported in imports.items() if not modules.isdisjoint(imported)} - found
        found |= new
    return found


def tests_of(named: Named, recorded: dict[str, Any]) -> list[str]:
    """Return the tests that call the function; if none does, or outside of functions, those of file and importers.

    Those that call the fewest functions come first: they are about this one.
    """
    function = f"{named.path}::{named.mutant.function}"
    names = [name for name, test in recorded.items() if function in test["functions"]]
    if not names:
        files = {named.path, *importers(named.path)}
        paths = {name: {called.partition("::")[0] for called in test["functions"]} for name, test in recorded.items()}
        names = [name for name in recorded if not files.isdisjoint(paths[name])]
    chosen, seconds = [], 0.0
    for name in sorted(names, key=lambda name: (len(recorded[name]["functions"]), recorded[name]["seconds"])):
        seconds += recorded[name]["seconds"]
        if chosen and seconds > SECONDS_OF_TESTS:
            break
        chosen.append(name)
    return chosen


def try_mutant(named: Named, tests: list[str], seconds: float) -> str:
    """Put the fault into the copy, run the tests, take it out again; return what came of it."""
    if not tests:
        return "without a test"
    file = Path(named.path)
    before, compiled = file.read_bytes(), Path(importlib.util.cache_from_source(str(file)))
    compiled.unlink(missing_ok=True)
    file.write_text(named.mutant.source, encoding="utf-8")
    try:
        code = in_a_fork(FOLDER / "mutant.log", 60 + 5 * seconds, ["-x", *tests])
    finally:
        file.write_bytes(before)
        compiled.unlink(missing_ok=True)
    return "timeout" if code is None else "survived" if code == 0 else "noticed"


def try_all(mutants: list[Named], recorded: dict[str, Any]) -> dict[str, str]:
    """Return what came of each mutant, by its key.

    A mutant of a file that has not changed is not tried again if it was noticed, or if its tests have not changed.
    """
    results = FOLDER / "results.jsonl"
    kept = [json.loads(line) for line in results.read_text("utf-8").splitlines()] if results.is_file() else []
    known = {(entry["key"], entry["code"]): (entry["tests"], entry["outcome"]) for entry in kept}
    outcomes = {}
    for number, named in enumerate(mutants, 1):
        tests = tests_of(named, recorded)
        code, of_tests = digest(Path(named.path)), digest(*{Path(name.partition("::")[0]) for name in tests})
        before, outcome = known.get((named.key, code), ("", ""))
        if not outcome or (survived(outcome) and before != of_tests):
            outcome = try_mutant(named, tests, sum(recorded[name]["seconds"] for name in tests))
            entry = {"key": named.key, "code": code, "tests": of_tests, "outcome": outcome}
            with results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
            say(f"{number}/{len(mutants)} {outcome}: {named.path}:{named.mutant.line} {named.mutant.becomes}")
        outcomes[named.key] = outcome
    return outcomes


def survived(outcome: str) -> bool:
    return outcome in ("survived", "without a test")


def report(mutants: list[Named], outcomes: dict[str, str]) -> int:
    """Say what survived and which share was noticed; return 1 if it is too little or a survivor has no reason."""
    listed = tomllib.loads(Path("tests/mutants.toml").read_text(encoding="utf-8"))["survivor"]
    reasons = {f"{entry['file']}::{entry['function']}: {entry['becomes']}": entry["reason"] for entry in listed}
    survivors = [named for named in mutants if survived(outcomes[named.key])]
    for named in survivors:
        say(f"{named.path}:{named.mutant.line} {named.mutant.function}: {named.mutant.becomes}")
        what_to_do = "add a test, or list it with the reason in tests/mutants.toml"
        say(f"  {outcomes[named.key]}; {reasons.get(named.key, what_to_do)}")
    for key in [key for key in reasons if key in outcomes and not survived(outcomes[key])]:
        say(f"listed in tests/mutants.toml, but a test notices it: {key}")
    noticed = 1 - len(survivors) / len(mutants)
    unlisted = sum(named.key not in reasons for named in survivors)
    say(f"{len(mutants)} mutants: {noticed:.1%} noticed; {len(survivors)} survived, {unlisted} without a reason")
    return int(noticed < LEAST_NOTICED or unlisted > 0)


def run_in(tree: Path) -> int:
    """Run this program again in the copy, with the modules of the copy."""
    places = os.pathsep.join([str(tree), str(tree / "tests" / "support")])
    environment = os.environ | {"PYTHONPATH": places, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    again = [sys.executable, "-P", __file__, *sys.argv[1:]]
    return subprocess.run(again, cwd=tree, env=environment, check=False).returncode


def main() -> int:
    """Try a sample of mutants and report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mutants", type=int, default=N_MUTANTS, metavar="N", help=f"how many; default {N_MUTANTS}")
    parser.add_argument("--files", nargs="+", default=MUTATED, help="how paths of files to change begin")
    parser.add_argument("--tests", nargs="+", default=TESTS, help="files or folders of the tests")
    options = parser.parse_args()
    if Path.cwd() != FOLDER / "tree":
        FOLDER.mkdir(exist_ok=True)
        return run_in(copy_checkout())
    for name in LIBRARIES:
        importlib.import_module(name)
    recorded = record([*options.tests])
    if in_a_fork(FOLDER / "mutant.log", 600, ["--collect-only", *recorded]) != 0:
        sys.exit(f"ERROR: the recorded tests are not found: see {FOLDER / 'mutant.log'}")
    mutants = sample([*options.files], options.mutants)
    return report(mutants, try_all(mutants, recorded))


if __name__ == "__main__":
    sys.exit(main())
