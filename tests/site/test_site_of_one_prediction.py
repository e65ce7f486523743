"""A model that predicts one class for all documents: every page of findings says so first."""

import re
from pathlib import Path

import numpy as np
import pytest
from html_page import Page
from synthetic_attention import LABEL_NAMES
from synthetic_site import site_settings, write_site_inputs

from attviz_pipeline.artifacts import attention_schemas, files
from attviz_pipeline.report import links
from attviz_pipeline.report.render_site import write_site

SENTENCE = (
    f"The model predicts {LABEL_NAMES[1]} for each of the 24 documents: documents cannot be compared by prediction."
)
FINDING_PAGES = (
    links.START,
    links.CLASSES,
    links.class_page(0),
    links.WRONG,
    links.HEADS,
    links.head(1, 2),
    links.TOKENS,
    links.EVIDENCE,
)


def predict_one_class(path: Path) -> None:
    schema = attention_schemas.ATTENTION
    table, facts = files.read_table(path, schema), files.read_facts(path, schema)
    columns = {name: table[name].to_pylist() for name in table.column_names}
    columns["prediction"] = [1] * table.num_rows
    columns["probabilities"] = [np.array([0.25, 0.5, 0.25], np.float32).tolist()] * table.num_rows
    files.write_table(path, schema, columns, facts)


@pytest.fixture(scope="module")
def one_prediction(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("one")
    write_site(site_settings(), write_site_inputs(folder, change=predict_one_class), folder / "site")
    return folder / "site"


def first_paragraph(page: Path, kind: str) -> str:
    _, _, rest = page.read_text(encoding="utf-8").partition(f'<p class="{kind}">')
    return re.sub(r"<[^>]+>", "", rest.partition("</p>")[0]).strip()


@pytest.mark.parametrize("address", FINDING_PAGES)
def test_pages_of_findings_say_it_first(one_prediction: Path, address: str) -> None:
    assert first_paragraph(one_prediction / address, "finding").startswith(SENTENCE)


@pytest.mark.parametrize("address", [links.DOCUMENTS, links.FIGURES])
def test_lists_say_it_in_their_first_hint(one_prediction: Path, address: str) -> None:
    assert first_paragraph(one_prediction / address, "hint") == SENTENCE


def test_a_model_of_several_predictions_is_not_said_to_have_one(site: Path) -> None:
    assert not [page for page in site.rglob("*.html") if "cannot be compared by prediction" in Page(page).text]
