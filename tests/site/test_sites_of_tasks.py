"""Sites of multi-label studies, of regression, and of texts without gold labels."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from document_pages import page_payload
from html_page import Page, words
from site_visits import Visitor, faults_of_looks
from slow_cases import rest_is_slow
from synthetic_site import site_settings
from task_studies import LABEL_NAMES, TASKS, write_task_study

from attviz_pipeline.artifacts import evidence_schemas, files, model_schemas, packing, statistics_schemas
from attviz_pipeline.formats import count, difference, significant
from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.render_site import write_site

pytestmark = pytest.mark.slow

N_DOCUMENTS = 30


def study_and_site(folder: Path, task: str, labelled: float) -> tuple[SiteInputs, Path]:
    inputs = write_task_study(folder, task, n_documents=N_DOCUMENTS, labelled=labelled, full=False, evidence=True)
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
@pytest.mark.parametrize("address", rest_is_slow(OF_LABELS))
def test_pages_of_labels_are_accessible(address: str, labels: tuple[SiteInputs, Path], visitor: Visitor) -> None:
    assert faults_of_looks(visitor(labels[1]).open(address)) == []


@pytest.mark.browser
@pytest.mark.parametrize("address", rest_is_slow(OF_VALUES))
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


def left_out(inputs: SiteInputs) -> list[dict[str, Any]]:
    assert inputs.evidence is not None
    return files.read_table(inputs.evidence.leave_one_out, evidence_schemas.LEAVE_ONE_OUT).to_pylist()


def decoded(part: dict[str, Any]) -> np.ndarray:
    return packing.unpack(part["codes"], np.dtype("<i2")) * part["scale"] / 32767


@pytest.mark.parametrize("name", ["labels", "values"])
def test_no_page_speaks_of_a_class_that_the_task_does_not_have(name: str, request: pytest.FixtureRequest) -> None:
    _, site = request.getfixturevalue(name)
    pages = [page for page in site.rglob("*.html") if page.name != links.METHODS]
    wrong = re.compile(r"(?:predicted|gold) class|\d points" if name == "values" else r"(predicted|gold) class")
    assert len(pages) > N_DOCUMENTS
    assert {page.name: found for page in pages if (found := wrong.findall(words(page)))} == {}


def test_evidence_of_label_sets_is_of_all_labels_together(labels: tuple[SiteInputs, Path]) -> None:
    _, site = labels
    text = words(site / links.EVIDENCE)
    assert "the probability that the fine-tuned synthetic/bert gives to the predicted label set falls by" in text
    assert "exact match is" in text
    assert "not all labels right" in text
    heads = words(site / links.HEADS)
    assert "The log probability of the predicted label set falls without" in heads
    assert "predicted label sets change without" in heads
    assert "Gold label set" in heads
    assert "exact match changes by" in words(site / links.head(0, 1)).lower()
    assert "documents with the predicted label people" in words(site / links.class_page(LABEL_NAMES.index("people")))


def test_evidence_of_a_value_is_of_its_absolute_change_and_error(values: tuple[SiteInputs, Path]) -> None:
    _, site = values
    text = words(site / links.EVIDENCE)
    assert "the value that the fine-tuned synthetic/bert predicts changes by" in text
    assert "the mean absolute error is" in text
    assert "As the whole model" not in text
    heads = words(site / links.HEADS)
    assert "The absolute error falls without 3 of 6 heads (q < 0.05)." in heads
    assert "Flips" not in heads
    assert "|change| of the value without the head" in heads
    assert "On average, the predicted value changes by" in words(site / links.head(0, 0))


def test_bars_are_of_labels_and_the_fall_is_of_the_set(labels: tuple[SiteInputs, Path]) -> None:
    inputs, site = labels
    task = TASKS["multi_label"]
    for row in left_out(inputs):
        held = page_payload(site, row["position"])["evidence"]
        changes = np.reshape(row["changes"], (-1, len(LABEL_NAMES)))
        expected = task.falls(np.array(row["probabilities"]), changes, tuple(row["predictions"]))
        assert decoded(held["fall"])[row["places"]] == pytest.approx(expected, abs=1e-4)
        assert held["of"] == "predicted label set"
        assert set(held["left_out"]["classes"]) == set(range(len(LABEL_NAMES)))
        assert held["left_out"]["classes"][: len(row["predictions"])] == row["predictions"]
        fall = max(expected)
        text = words(site / links.document(row["position"]))
        assert f"the probability of the predicted label set falls most: by {100 * fall:.1f} percentage points" in text


def test_the_bar_of_a_value_is_its_change(values: tuple[SiteInputs, Path]) -> None:
    inputs, site = values
    for row in left_out(inputs):
        held = page_payload(site, row["position"])["evidence"]
        assert decoded(held["left_out"])[row["places"]] == pytest.approx(row["changes"], abs=1e-4)
        assert (held["left_out"]["classes"], held["of"]) == ([0], "predicted value")
        assert "fall" not in held
        largest = max(row["changes"], key=abs)
        text = words(site / links.document(row["position"]))
        assert f"the predicted value changes most: by {difference(largest)}, from" in text
        assert "changes the predicted" not in text
