"""No page of a study without gold values speaks of gold values, mistakes or scores."""

import functools
import io
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attviz_files import Imported, document
from html_page import Page, words
from site_visits import Visitor, faults_of_looks
from slow_cases import rest_is_slow
from synthetic_site import site_of_import
from task_studies import write_task_study

from attviz_pipeline.artifacts import files, model_schemas
from attviz_pipeline.config.reading import parse_study
from attviz_pipeline.config.settings import TaskName
from attviz_pipeline.report import links
from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.stages import RenderSite

pytestmark = pytest.mark.slow

ABOUT_GOLD = re.compile(
    r"\b(gold|mis-?classif\w*|mistak\w*|accura\w*|correctly|incorrect\w*|wrong\w*|recall|precision|F1|errors?|unlabelled)\b",
    re.IGNORECASE,
)
ALLOWED = (
    r"\b\d+ unlabelled\b",  # how many documents have no gold value: the start page counts them
    r"The format has no gold labels\.",  # of imported attention
    r"Precision of the numbers",  # of the numbers that pages show
    r"attention\.precision|precision: (?:float32|auto)|precision float32",  # of the model
    r"standard errors?|relative error|[Ee]rrors? of less than",  # of estimates
    r"bad_rows: error",  # a setting
)
"""What pages of such a study may say with these words."""


def study_without_gold(folder: Path, task: TaskName) -> Path:
    inputs = write_task_study(
        folder, task, n_documents=30, labelled=0, full=task == "single_label", evidence=task == "single_label"
    )
    # A finished model reads these texts, and nothing has been scored.
    files.write_json(inputs.metrics, model_schemas.METRICS, {"splits": {}})
    study = {"name": "texts", "dataset": {"source": "news.csv", "label_column": None}}
    study["model"] = {"source": "folder", "mode": "load"}
    write_site(RenderSite(study=parse_study(study, "test")), inputs, folder / "site")
    return folder / "site"


def said_of_gold(site: Path) -> Iterator[tuple[str, str]]:
    """Yield what every page says of gold values, in visible text and names of controls."""
    for page in sorted(site.rglob("*.html")):
        attributes = [value for _, name, value in Page(page).attributes if name in {"alt", "aria-label", "title"}]
        text = re.sub("|".join(ALLOWED), "", " | ".join([words(page), *attributes]))
        for found in ABOUT_GOLD.finditer(text):
            yield page.relative_to(site).as_posix(), text[max(found.start() - 60, 0) : found.end() + 40]


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Callable[[TaskName], tuple[Path, str]]:
    """The site of a task without gold values, and what its stages logged; each is written once."""

    @functools.cache
    def write(task: TaskName) -> tuple[Path, str]:
        logged = io.StringIO()
        handler = logging.StreamHandler(logged)
        logging.getLogger("attviz_pipeline").addHandler(handler)
        site = study_without_gold(tmp_path_factory.mktemp(task), task)
        logging.getLogger("attviz_pipeline").removeHandler(handler)
        return site, logged.getvalue()

    return write


@pytest.mark.parametrize("task", rest_is_slow(["single_label", "multi_label", "regression"]))
def test_no_page_speaks_of_gold_values(task: TaskName, sites: Callable[[TaskName], tuple[Path, str]]) -> None:
    site, logged = sites(task)

    assert list(said_of_gold(site)) == []
    assert words(site / links.START).count("unlabelled") == 1
    assert ABOUT_GOLD.findall(logged) == []
    addresses = {address for page in site.rglob("*.html") for _, address in Page(page).addresses}
    parts = {address.split("#")[1] for address in addresses if f"{links.METHODS}#" in address}
    assert parts <= Page(site / links.METHODS).ids


OF_ALL = [links.START, links.DOCUMENTS, links.document(0), links.CLASSES, links.class_page(0), links.HEADS]


@pytest.mark.browser
@pytest.mark.parametrize(
    ("task", "address"),
    rest_is_slow(
        [
            *(("single_label", address) for address in [*OF_ALL, links.EVIDENCE]),
            *(("multi_label", address) for address in OF_ALL[:-1]),
            *(("regression", address) for address in OF_ALL[:-1]),
        ]
    ),
)
def test_pages_without_gold_values_are_accessible(
    task: TaskName, address: str, sites: Callable[[TaskName], tuple[Path, str]], visitor: Visitor
) -> None:
    assert faults_of_looks(visitor(sites(task)[0]).open(address)) == []


def test_pages_of_imported_attention_say_nothing_of_what_it_cannot_have(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    documents = [document(f"word ##s {n} profits up") for n in range(12)]
    for one in documents[::2]:
        one["output_activations"].reverse()
        one["output_activations"][0]["value"], one["output_activations"][1]["value"] = "0.9", "0.1"
    site = site_of_import(tmp_path, Imported(tmp_path, documents).output)

    assert list(said_of_gold(site)) == []
    assert ABOUT_GOLD.findall("\n".join(record.getMessage() for record in caplog.records)) == []
    # Neither of a prediction that changes without words, nor of attention to other tokens.
    for address in (links.CLASSES, links.class_page(0), links.TOKENS, links.HEADS, links.head(0, 0)):
        page = Page(site / address)
        assert not {"prediction", "delimiters", "profile", "offsets"} & page.ids
        assert "not measured" not in page.text
    assert "scores" not in Page(site / links.ABOUT).ids
    assert "the vector influences the prediction" in words(site / links.class_page(0))
    assert "which names no model (3 vectors)" in words(site / links.ABOUT)
    parts_of_documents = (site / "assets" / "full.js").read_text(encoding="utf-8")
    assert "All 3 vectors" in parts_of_documents
    assert not [said for said in ("over heads", "each head", "one head", "Every head") if said in parts_of_documents]
