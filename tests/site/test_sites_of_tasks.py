"""Sites of multi-label studies, of regression, and of texts without gold labels."""

import re
from pathlib import Path
from typing import Any

import pytest
from html_page import Page, words
from site_visits import Visitor, faults_of_looks
from synthetic_site import site_settings
from task_studies import LABEL_NAMES, write_task_study

from attviz_pipeline.artifacts import files, model_schemas, statistics_schemas
from attviz_pipeline.formats import count, significant
from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.render_site import write_site

N_DOCUMENTS = 30


def study_and_site(folder: Path, task: str, labelled: float) -> tuple[SiteInputs, Path]:
    inputs = write_task_study(folder, task, n_documents=N_DOCUMENTS, labelled=labelled, full=False)
    if not labelled:
        # A finished model reads these texts, and nothing has been scored.
        files.write_json(inputs.metrics, model_schemas.METRICS, {"splits": {}})
    write_site(site_settings(), inputs, folder / "site")
    return inputs, folder / "site"


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> tuple[SiteInputs, Path]:
    return study_and_site(tmp_path_factory.mktemp("labels"), "multi_label", 0.8)


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> tuple[SiteInputs, Path]:
    return study_and_site(tmp_path_factory.mktemp("values"), "regression", 0.8)


def index_of(inputs: SiteInputs) -> list[dict[str, Any]]:
    return files.read_table(inputs.statistics.document_index, statistics_schemas.DOCUMENT_INDEX).to_pylist()


def test_a_page_shows_labels_with_thresholds_and_what_is_missed(labels: tuple[SiteInputs, Path]) -> None:
    inputs, site = labels
    for row in index_of(inputs):
        text = words(site / links.document(row["position"]))
        if row["labels"] is None:
            assert "The gold labels of this document are not known." in text
            continue
        gold, predicted = set(row["labels"]), set(row["predictions"])
        outcome = "correct" if gold == predicted else "partly correct" if gold & predicted else "wrong"
        assert re.search(rf"Predicted [^:]+: . {outcome}", text)
        assert ("missed:" in text) == bool(gold - predicted)
        assert ("wrongly predicted:" in text) == bool(predicted - gold)
        assert "Lines mark the threshold" in text


def test_every_label_has_a_page_with_its_errors(labels: tuple[SiteInputs, Path]) -> None:
    inputs, site = labels
    rows = [row for row in index_of(inputs) if row["labels"] is not None]
    for label, name in enumerate(LABEL_NAMES):
        missed = sum(label in row["labels"] and label not in row["predictions"] for row in rows)
        text = words(site / links.class_page(label))
        assert name in text
        assert "Of 24 documents" in text or f"Of {len(rows)} documents with known gold labels" in text
        section = text.split("False negatives, most confident first")[1].split("False positives")[0]
        assert section.count("predicted ") == min(missed, 5)
    n_wrong = sum(row["labels"] != row["predictions"] for row in rows)
    assert f"{n_wrong} are with mistakes" in words(site / links.CLASSES)
    assert (site / links.WRONG).is_file()


def test_a_page_shows_the_value_its_error_and_that_of_the_mean(values: tuple[SiteInputs, Path]) -> None:
    inputs, site = values
    rows = index_of(inputs)
    for row in rows:
        text = words(site / links.document(row["position"]))
        assert "misclassified" not in text
        if row["value"] is None:
            assert "The gold value of this document is not known." in text
        else:
            assert "the error is" in text
            assert "Predicting the mean gold value of all documents" in text


def test_values_have_pages_in_place_of_classes(values: tuple[SiteInputs, Path]) -> None:
    _, site = values
    text = words(site / links.CLASSES)
    assert "Gold and predicted values" in text
    assert [words(site / links.class_page(n)).split("All values ")[1][:10] for n in range(3)]
    assert "Hedges" not in text
    addresses = {address for _, address in Page(site / links.CLASSES).addresses}
    assert {links.class_page(n) for n in range(3)} <= addresses
    assert not (site / links.WRONG).exists()
    assert "of-classes" not in (site / links.COMPARE).read_text(encoding="utf-8")


OF_VALUES = [links.START, links.DOCUMENTS, links.document(0), links.CLASSES, links.class_page(0), links.head(0, 1)]
OF_LABELS = [*OF_VALUES, links.WRONG, f"{links.COMPARE}#kind=classes"]


@pytest.mark.browser
@pytest.mark.parametrize("address", OF_LABELS)
def test_pages_of_labels_are_accessible(address: str, labels: tuple[SiteInputs, Path], visitor: Visitor) -> None:
    assert faults_of_looks(visitor(labels[1]).open(address)) == []


@pytest.mark.browser
@pytest.mark.parametrize("address", OF_VALUES)
def test_pages_of_values_are_accessible(address: str, values: tuple[SiteInputs, Path], visitor: Visitor) -> None:
    assert faults_of_looks(visitor(values[1]).open(address)) == []


@pytest.mark.browser
def test_two_documents_are_compared_by_their_values(values: tuple[SiteInputs, Path], visitor: Visitor) -> None:
    inputs, site = values
    known = [row for row in index_of(inputs) if row["value"] is not None][:2]
    a, b = (row["position"] + 1 for row in known)
    page = visitor(site).open(f"{links.COMPARE}#a={a}&b={b}")
    table = page.locator("#difference-views table").first
    table.get_by_role("rowheader", name="gold value").wait_for()
    for title, name in (("predicted value", "predicted_value"), ("gold value", "value")):
        row = table.locator("tr").filter(has=page.get_by_role("rowheader", name=title)).inner_text()
        for one in known:
            assert significant(float(one[name]), 3) in row or count(int(one[name])) in row
    assert table.get_by_role("rowheader", name="error").is_visible()
    assert "probability" not in table.inner_text()
