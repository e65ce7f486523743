"""Fixtures that several modules share: sites, a server, Chromium, and a study to harm."""

import logging
from collections.abc import Iterator

import pytest
from finished_study import finished_study
from site_visits import browser, hostile_inputs, hostile_site, inputs, sensitive_site, server, site, visitor

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
