"""Put small faults into the code, one at a time, and see which the tests do not notice: `make mutants`.

The faults are a seeded sample of those that `mutations.py` finds in the packages of the numbers. Each is made in a copy
of the checkout, in the folder `.mutants`, and meets the tests that call the function it is in, as a recording of the
tests says. Results are kept there too: a run that was stopped goes on, and only what has changed since is tried again.

Most of the time of a few tests is the start of pytest. So pytest collects all tests once, and each fault is put into
functions in a fork of that process. What is outside of functions, or in functions that no test calls (some are called
at import), is tried in a pytest of its own.
`tests/mutants.toml` lists the mutants that no test need notice, each with the reason.
"""

import argparse
import ast
import gc
import hashlib
import importlib.util
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import zip_longest
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, NamedTuple

import pytest
from call_recorder import CallRecorder
from mutations import Mutant, mutants_of

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".mutants"
MUTATED = tuple(f"attviz_pipeline/{name}/" for name in ("analysis", "attention", "artifacts"))
RECORDED = ("attviz_pipeline/",)
NOT_RECORDED = ("mutants", "mutations")
"""Modules of this program, on which no recording depends."""
TESTS = (
    *(f"tests/{name}" for name in ("analysis", "attention", "dataset", "figures", "model")),
    *(f"tests/workflow/test_{name}.py" for name in ("artifacts", "config", "documents", "library")),
)
N_MUTANTS, LEAST_NOTICED, SEED = 300, 0.9, 13
SECONDS_OF_TESTS = 10.0
"""Most time of tests that one mutant meets: a function that all stages call has hundreds."""
QUIET = [
    *("-q", "--no-header", "--tb=no", "-m", "not slow and not browser"),
    *("-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:anyio"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # of plugins that the libraries below import
]
NO_END = 70
"""Exit code of a run of pytest that broke off."""
TIMES_SLOWER = 10
"""How much longer a run may take than its processor time, where other programs need the processor too."""
CONSOLE = os.dup(1)
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
    os.write(CONSOLE, f"{line}\n".encode())


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


def in_a_fork(log: Path, seconds: float | None, run: Callable[[], int]) -> int | None:
    """Return what a function returns in a process of its own, or None if it needs more processor time than that."""
    child = os.fork()
    if child == 0:
        code = NO_END
        try:
            if seconds is not None:
                os.setpgrp()
                resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 1))
            with log.open("wb") as file:
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
            code = run()
        except BaseException:  # noqa: BLE001 - a fork must not go on as its parent
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    if seconds is None:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    end = time.monotonic() + TIMES_SLOWER * seconds
    try:
        while time.monotonic() < end:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                code = os.waitstatus_to_exitcode(status)
                return None if code in (-signal.SIGKILL, -signal.SIGXCPU) else code
            time.sleep(0.02)
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
    except KeyboardInterrupt:
        os.killpg(child, signal.SIGKILL)
        raise
    return None


def run_items(items: Sequence[pytest.Item], *, to_the_end: bool = False) -> int:
    """Run collected tests in this order, until one fails; return 1 if one did."""
    session = items[0].session
    for item, following in zip_longest(items, items[1:]):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed and not to_the_end:
            break
    return int(session.testsfailed > 0)


@cache
def digest_of_code() -> str:
    support = {*Path("tests/support").glob("*.py")} - {Path(f"tests/support/{name}.py") for name in NOT_RECORDED}
    return digest(Path("attviz_pipeline"), *support, Path("tests/conftest.py"))


def recording_of(file: Path) -> Path:
    return FOLDER / "recordings" / f"{file.stem}-{digest(file)}-{digest_of_code()}.json"


def record(items: Sequence[pytest.Item]) -> dict[str, Any]:
    """Record tests in forks; return functions and seconds of every test that passes, by its name.

    Only changed files of tests run again.
    """
    by_file: defaultdict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        by_file[item.nodeid.partition("::")[0]].append(item)
    for file, mine in by_file.items():
        recording = recording_of(Path(file))
        if not recording.is_file():
            recording.parent.mkdir(exist_ok=True)

            def run(recording: Path = recording, mine: Sequence[pytest.Item] = mine) -> int:
                recorder = CallRecorder(RECORDED)
                mine[0].config.pluginmanager.register(recorder)
                run_items(mine, to_the_end=True)
                recorder.write(recording)
                return 0

            if in_a_fork(FOLDER / "recording.log", 1800, run) != 0:
                sys.exit(f"ERROR: {file} cannot be recorded: see {FOLDER / 'recording.log'}")
            say(f"recorded {file}")
    return recordings([*by_file])


def recordings(places: Sequence[str]) -> dict[str, Any]:
    """Return what was recorded of files and folders of tests."""
    files = [
        file
        for place in map(Path, places)
        for file in ([place] if place.is_file() else sorted(place.rglob("test_*.py")))
    ]
    found: dict[str, Any] = {}
    for recording in [recording_of(file) for file in files]:
        if recording.is_file():
            found |= json.loads(recording.read_text(encoding="utf-8"))
    return found


def sample(places: list[str], n_mutants: int) -> list[Named]:
    """Return mutants in a random order that edits of other lines do not change."""
    files = sorted(file for file in Path("attviz_pipeline").rglob("*.py") if str(file).startswith(tuple(places)))
    found = [Named(str(file), mutant) for file in files for mutant in mutants_of(file.read_text(encoding="utf-8"))]
    return sorted(found, key=lambda named: hashlib.sha256(f"{SEED} {named.key}".encode()).digest())[:n_mutants]


def module_of(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@cache
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
        modules = {module_of(name) for name in new}
        new = {name for name, imported in imports.items() if not modules.isdisjoint(imported)} - found
        found |= new
    return found


def callers(named: Named, recorded: dict[str, Any]) -> list[str]:
    """Return the tests that call the function; none outside of functions, or if it is called at import only."""
    function = f"{named.path}::{named.mutant.function}"
    return [name for name, test in recorded.items() if function in test["functions"]]


def tests_of(named: Named, recorded: dict[str, Any]) -> list[str]:
    """Return the tests that call the function; if none does, those that call or import the file or its importers.

    Those that call the fewest functions come first: they are about this one.
    """
    names = callers(named, recorded)
    if not names:
        files = {named.path, *importers(named.path)}
        paths = {name: {called.partition("::")[0] for called in test["functions"]} for name, test in recorded.items()}
        modules = {module_of(file) for file in files}
        reads = {name: imported_by(Path(name.partition("::")[0])) for name in recorded}
        names = [name for name in recorded if not (files.isdisjoint(paths[name]) and modules.isdisjoint(reads[name]))]
    chosen: list[str] = []
    seconds = 0.0
    for name in sorted(names, key=lambda name: (len(recorded[name]["functions"]), recorded[name]["seconds"])):
        seconds += recorded[name]["seconds"]
        if chosen and seconds > SECONDS_OF_TESTS:
            break
        chosen.append(name)
    files_in_order = list(dict.fromkeys(name.partition("::")[0] for name in chosen))  # so that fixtures are set up once
    return sorted(chosen, key=lambda name: files_in_order.index(name.partition("::")[0]))


@contextmanager
def fault_in_place(named: Named) -> Iterator[None]:
    """Put the fault into the file of the copy, and take it out again."""
    file = Path(named.path)
    before, compiled = file.read_bytes(), Path(importlib.util.cache_from_source(str(file)))
    compiled.unlink(missing_ok=True)
    file.write_text(named.mutant.source, encoding="utf-8")
    try:
        yield
    finally:
        file.write_bytes(before)
        compiled.unlink(missing_ok=True)


def codes_in(code: CodeType) -> Iterator[CodeType]:
    """Yield the code of a module, and that of all its functions and classes."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes_in(constant)


def functions_in_memory() -> dict[str, list[FunctionType]]:
    """Return the functions that were loaded from each file of the working directory, by its path."""
    here, found = f"{Path.cwd()}/", defaultdict(list)
    for function in gc.get_objects():
        # isinstance would ask other objects for their class, which some answer with a warning.
        if type(function) is FunctionType and function.__code__.co_filename.startswith(here):
            found[function.__code__.co_filename.removeprefix(here)].append(function)
    return found


def changed_functions(named: Named, functions: Sequence[FunctionType]) -> list[tuple[FunctionType, CodeType]]:
    """Return functions of the file, which is still without the fault, with the code that they have with it."""
    path = str(Path(named.path).resolve())
    before, after = (
        list(codes_in(compile(text, path, "exec", dont_inherit=True)))
        for text in (Path(named.path).read_bytes(), named.mutant.source)
    )
    if len(before) != len(after):
        return []
    # Code that has run need not equal the code it was compiled to, but stands in the same place.
    places = [(code.co_qualname, code.co_firstlineno, code.co_linetable) for code in before]
    changed = {place: new for place, old, new in zip(places, before, after, strict=True) if old != new}
    codes = [(function, function.__code__) for function in functions]
    found = [(function, (code.co_qualname, code.co_firstlineno, code.co_linetable)) for function, code in codes]
    return [(function, changed[place]) for function, place in found if place in changed]


def outcome_of(code: int | None) -> str:
    if code == NO_END:
        sys.exit(f"ERROR: a run of tests broke off: see {FOLDER / 'mutant.log'}")
    return "timeout" if code is None else "survived" if code == 0 else "noticed"


class Results:
    """What came of mutants in earlier runs and in this one.

    A mutant of a file that has not changed is not tried again if it was noticed, or if its tests have not changed.
    """

    def __init__(self) -> None:
        self._path = FOLDER / "results.jsonl"
        lines = self._path.read_text("utf-8").splitlines() if self._path.is_file() else []
        self._known = {(entry["key"], entry["code"]): entry for entry in map(json.loads, lines)}

    def find(self, named: Named, tests: Sequence[str]) -> str:
        """Return what came of a mutant, or nothing if it must be tried."""
        entry = self._known.get((named.key, digest(Path(named.path))))
        if entry is None:
            return ""
        same = entry["tests"] == _digest_of(tests)
        return entry["outcome"] if same or not survived(entry["outcome"]) else ""

    def add(self, named: Named, tests: Sequence[str], outcome: str) -> None:
        """Keep what came of a mutant."""
        code = digest(Path(named.path))
        entry = {"key": named.key, "code": code, "tests": _digest_of(tests), "outcome": outcome}
        self._known[named.key, code] = entry
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


def _digest_of(tests: Sequence[str]) -> str:
    return digest(*{Path(name.partition("::")[0]) for name in tests})


class InMemory:
    """A plugin of pytest that records the collected tests and tries mutants, instead of running the tests."""

    def __init__(self, mutants: list[Named]) -> None:
        self._mutants = mutants

    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        if session.testsfailed:
            return None
        recorded = record(session.items)
        items, functions, results = {item.nodeid: item for item in session.items}, functions_in_memory(), Results()
        gc.freeze()  # so that forks do not copy what they do not change
        for number, named in enumerate(self._mutants, 1):
            tests = tests_of(named, recorded)
            # A function that is called at import only has done its work when its code is changed in memory.
            changed = changed_functions(named, functions[named.path]) if callers(named, recorded) else []
            if changed and not results.find(named, tests):

                def run(
                    changed: Sequence[tuple[FunctionType, CodeType]] = changed, tests: Sequence[str] = tests
                ) -> int:
                    for function, code in changed:
                        function.__code__ = code
                    return run_items([items[name] for name in tests])

                # The file is changed too, for programs that tests start.
                with fault_in_place(named):
                    code = in_a_fork(FOLDER / "mutant.log", time_for(tests, recorded), run)
                results.add(named, tests, outcome_of(code))
                say(f"{number}/{len(self._mutants)} {outcome_of(code)}{where_of(named)}")
        return True


def where_of(named: Named) -> str:
    return f": {named.path}:{named.mutant.line} {named.mutant.becomes}"


def time_for(tests: Sequence[str], recorded: dict[str, Any]) -> float:
    """Return the most seconds of processor time that tests of a mutant may need."""
    return 60 + 5 * sum(float(recorded[name]["seconds"]) for name in tests)


def try_anew(mutants: list[Named], recorded: dict[str, Any]) -> dict[str, str]:
    """Try what was not tried in memory in a pytest of its own; return what came of each mutant, by its key."""
    outcomes, results = {}, Results()
    for number, named in enumerate(mutants, 1):
        tests = tests_of(named, recorded)
        outcome = results.find(named, tests) or ("" if tests else "without a test")
        if not outcome:

            def run(tests: Sequence[str] = tests) -> int:
                return int(pytest.main([*QUIET, "-x", *tests]))

            with fault_in_place(named):
                code = in_a_fork(FOLDER / "mutant.log", time_for(tests, recorded), run)
            outcome = outcome_of(code)
            results.add(named, tests, outcome)
            say(f"{number}/{len(mutants)} {outcome} anew{where_of(named)}")
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
    mutants, log = sample([*options.files], options.mutants), FOLDER / "collection.log"
    with tempfile.TemporaryDirectory() as folder:
        QUIET.append(f"--basetemp={folder}/tests")
        arguments = [*QUIET, "--capture=no", *options.tests]
        if in_a_fork(log, None, lambda: int(pytest.main(arguments, [InMemory(mutants)]))) != 0:
            sys.exit(f"ERROR: the tests cannot be collected or tried: see {log}")
        return report(mutants, try_anew(mutants, recordings(options.tests)))


if __name__ == "__main__":
    sys.exit(main())
