"""A plugin of pytest that records which functions of some packages each test calls, and its processor time."""

import json
import os
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest


class CallRecorder:
    """Calls of each test, those of its fixtures among them.

    Args:
        places: The packages, as paths from the working directory.
    """

    def __init__(self, places: tuple[str, ...]) -> None:
        self._places = places
        self._here = f"{Path.cwd()}/"
        self._names: dict[int, tuple[str, CodeType]] = {}
        self._now: list[set[str]] = []
        self._of_fixtures: defaultdict[int, set[str]] = defaultdict(set)
        self._of_tests: dict[str, set[str]] = {}
        self._seconds: dict[str, float] = {}
        self._failed: set[str] = set()

    def write(self, path: Path) -> None:
        """Write seconds and functions of every test that passed, by its name."""
        found = {
            name: {"seconds": self._seconds[name], "functions": sorted(functions)}
            for name, functions in self._of_tests.items()
            if name not in self._failed
        }
        path.write_text(json.dumps(found), encoding="utf-8")

    def _trace(self, frame: FrameType, _event: str, _argument: object) -> None:
        code = frame.f_code
        if id(code) not in self._names:  # the identity, since equality of code takes long to check
            path, function = code.co_filename.removeprefix(self._here), code.co_qualname.partition(".<locals>")[0]
            self._names[id(code)] = f"{path}::{function}" if path.startswith(self._places) else "", code
        if self._now and (name := self._names[id(code)][0]):
            self._now[-1].add(name)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Function) -> Iterator[None]:
        self._now, start = [set()], _processor_seconds()
        threading.settrace(self._trace)
        sys.settrace(self._trace)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)
            fixtures = [fixture for found in item._fixtureinfo.name2fixturedefs.values() for fixture in found]
            self._seconds[item.nodeid] = _processor_seconds() - start
            self._of_tests[item.nodeid] = self._now[0].union(*(self._of_fixtures[id(found)] for found in fixtures))

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
        # A fixture that several tests share is set up in the first of them, but all depend on what it calls.
        self._now.append(set())
        try:
            return (yield)
        finally:
            self._of_fixtures[id(fixturedef)] |= self._now.pop()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed:
            self._failed.add(report.nodeid)


def _processor_seconds() -> float:
    """Return the processor time of this process and of those that it started and that have ended."""
    return sum(os.times()[:4])
