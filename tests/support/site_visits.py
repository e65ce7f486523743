"""Sites to visit, a Chromium to visit them with, and a visit that notices every fault."""
# ruff: noqa: ANN401, PLC0415 - Playwright is imported late, so that the tests can say that it is missing; what makes
# sites too, since each process of the tests imports this module and few make one.

import functools
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from shared_folders import built_once, made_once

from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.rows import DocumentRow, iter_documents

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first that is installed is used; without one, Playwright's own."""

MOST_MILLISECONDS = 90_000
"""Most that a page may take to become what a test waits for: machines of tests are busy."""


def required(what: str) -> None:
    if os.environ.get("ATTVIZ_REQUIRE_BROWSER") == "1":
        pytest.fail(f"{what}, and ATTVIZ_REQUIRE_BROWSER=1 asks for it")
    pytest.skip(what)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        required("playwright is not installed")
    installed = (path for name in BROWSERS if (path := shutil.which(name)))
    executable = os.environ.get("ATTVIZ_CHROMIUM") or next(installed, None)
    with sync_playwright() as playwright:
        try:
            chromium = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        except Error as fault:
            required(f"Chromium does not start: {str(fault).splitlines()[0]}")
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> SiteInputs:
    from synthetic_site import write_site_inputs

    return made_once(tmp_path_factory, "inputs", lambda folder: write_site_inputs(folder, n_documents=24, models=True))


@pytest.fixture(scope="session")
def site(inputs: SiteInputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return site_once(tmp_path_factory, "browser", inputs, title="News & views")


@pytest.fixture(scope="session")
def sensitive_site(inputs: SiteInputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return site_once(tmp_path_factory, "sensitive", inputs, sensitive=True)


@pytest.fixture(scope="session")
def hostile_inputs(tmp_path_factory: pytest.TempPathFactory) -> SiteInputs:
    from synthetic_site import HOSTILE_TEXTS, write_site_inputs

    def make(folder: Path) -> SiteInputs:
        return write_site_inputs(folder, n_documents=len(HOSTILE_TEXTS), n_shards=1, hostile=True, models=True)

    return made_once(tmp_path_factory, "hostile-inputs", make)


@pytest.fixture(scope="session")
def hostile_site(hostile_inputs: SiteInputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return site_once(tmp_path_factory, "hostile", hostile_inputs, title="</title><script>alert(0)</script>")


def site_once(factory: pytest.TempPathFactory, name: str, inputs: SiteInputs, **report: Any) -> Path:
    """Return the site that one worker writes for all of them: copy it before you change it."""
    from synthetic_site import site_settings

    from attviz_pipeline.report.render_site import write_site

    def build(folder: Path) -> None:
        write_site(site_settings(**report), inputs, folder / "site")

    return built_once(factory, name, build) / "site"


@pytest.fixture(scope="session")
def server(site: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            pass

        def translate_path(self, path: str) -> str:
            return super().translate_path(path.removeprefix("/repo"))

    handler = functools.partial(Quiet, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_address[1]}/repo/"
        http.shutdown()


@dataclass
class Visit:
    """A tab, and everything that should not have happened in it."""

    page: Any
    root: str
    faults: list[str] = field(default_factory=list)

    def open(self, address: str) -> Any:
        self.page.goto(self.root + address)
        self.page.wait_for_selector("html[data-ready]", state="attached")
        return self.page


Visitor = Callable[..., Visit]


@pytest.fixture
def visitor(browser: Any) -> Iterator[Visitor]:
    contexts, visits = [], []

    def visit(root: Path | str, **options: Any) -> Visit:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        context.set_default_timeout(MOST_MILLISECONDS)
        contexts.append(context)
        made = Visit(context.new_page(), root if isinstance(root, str) else f"{root.as_uri()}/")
        made.page.on("console", lambda m: made.faults.append(m.text) if m.type in {"error", "warning"} else None)
        made.page.on("pageerror", lambda fault: made.faults.append(str(fault)))
        made.page.on("dialog", lambda dialog: (made.faults.append(f"dialog {dialog.message}"), dialog.dismiss()))
        made.page.on("request", lambda r: None if local(r.url, made.root) else made.faults.append(r.url))
        visits.append(made)
        return made

    yield visit
    for context in contexts:
        context.close()
    faults = [fault for made in visits for fault in made.faults]
    assert faults == [], faults


def local(url: str, root: str) -> bool:
    return url.startswith((root, "data:"))


def arrive(page: Any, address: str) -> None:
    """Wait for the page that a click or a key leads to, and until it has filled itself in.

    An address changes before the new document replaces the old one, which is ready already: so
    readiness is asked of a document that has that address.
    """
    page.wait_for_url(address)
    page.wait_for_load_state("load")
    page.wait_for_selector("html[data-ready]", state="attached")


def until(page: Any, expression: str) -> None:
    """Wait for the page, as long as Playwright does, whose own waiting evaluates strings, which the pages forbid."""
    for _ in range(600):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never true: {expression}")


def accessibility_faults(page: Any, **options: Any) -> list[tuple[str, list[str]]]:
    """Return the rules of axe that a page breaks, each with the markup of its first elements.

    Of rules that a page keeps, axe is told to describe one element and not all: a page has thousands.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    asked = {"preload": False, "resultTypes": ["violations"], **options}
    violations = axe.Axe().run(page, options=asked).response["violations"]
    return [(v["id"], [node["html"][:200] for node in v["nodes"][:3]]) for v in violations]


LOOKS = (("light", 1440), ("dark", 390))
"""Themes and widths that `faults_of_looks` tries."""


def faults_of_looks(page: Any, looks: Iterable[tuple[str, int]] = LOOKS) -> list[tuple[str, int, str, list[str]]]:
    """Return the rules of axe that a page breaks in each look, without loading it again."""
    found = []
    for theme, width in looks:
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(100)  # pages draw their canvases again
        found += [(theme, width, *fault) for fault in accessibility_faults(page, iframes=False)]
    return found


def row_at(inputs: SiteInputs, position: int) -> DocumentRow:
    for attention, aggregates in zip(inputs.attention, inputs.aggregates, strict=True):
        for row in iter_documents(attention, aggregates):
            if row.position == position:
                return row
    raise AssertionError(position)
