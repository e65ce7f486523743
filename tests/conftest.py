"""Fixtures that several modules share: sites, a server, Chromium, and a study to harm; and the order of files."""

import logging
from collections.abc import Iterator
from itertools import groupby

import pytest
from finished_study import finished_study
from site_visits import browser, hostile_inputs, hostile_site, inputs, sensitive_site, server, site, visitor
from warm_python import end_warm_python

__all__ = [
    "browser",
    "finished_study",
    "hostile_inputs",
    "hostile_site",
    "inputs",
    "sensitive_site",
    "server",
    "site",
    "visitor",
]

IN_BROWSER, ELSEWHERE, FINISHED_STUDY = 2.0, 0.1, 50.0
"""About how long a test takes, and the making of the finished study, in seconds on one of two cores."""


@pytest.hookimpl(trylast=True)  # when the tests that do not run are gone
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files that take long first: workers of pytest-xdist take whole files in this order, and so end together."""
    seconds = {path: estimate([*tests]) for path, tests in groupby(items, key=lambda item: item.path)}
    items.sort(key=lambda item: (-seconds[item.path], item.path))


def pytest_sessionfinish() -> None:
    """End the process that jobs of workflows are forked from."""
    end_warm_python()


def estimate(tests: list[pytest.Item]) -> float:
    """Return about how many seconds the tests of one file take."""
    in_browser = sum(test.get_closest_marker("browser") is not None for test in tests)
    of_study = any("finished_study" in getattr(test, "fixturenames", ()) for test in tests)
    return IN_BROWSER * in_browser + ELSEWHERE * (len(tests) - in_browser) + FINISHED_STUDY * of_study


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Undo what a stage that runs in the process of the tests sets, or later tests log to its closed terminal."""
    root, package = logging.getLogger(), logging.getLogger("attviz_pipeline")
    handlers, levels = [*root.handlers], (root.level, package.level)
    yield
    for handler in {*root.handlers} - {*handlers}:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(levels[0])
    package.setLevel(levels[1])
    logging.captureWarnings(capture=False)
