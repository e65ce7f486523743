"""What full mode adds to a document's page: attention received, rollout, norm-weighted self-attention."""
# ruff: noqa: ANN401 - Playwright is imported late, so that the tests can say that it is missing

import csv
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from document_pages import page_payload
from site_visits import Visitor, row_at, until
from synthetic_site import site_settings, write_site_inputs

from attviz_pipeline.aggregates import AGGREGATES
from attviz_pipeline.analysis.predictions.rank_correlation import Ranks, rank_correlations
from attviz_pipeline.artifacts import attention_schemas, files, packing
from attviz_pipeline.artifacts.log_code import AGGREGATE_CODE
from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.report.rows import DocumentRow
from attviz_pipeline.report.token_measures import TOKEN_MEASURES, measures_of_document, measures_of_study

DOCUMENT = 7


def without(path: Path, target: Path, *columns: str) -> Path:
    """A shard whose documents lack some of what full mode adds."""
    table = files.read_table(path, attention_schemas.ATTENTION)
    content = {name: [None] * len(table) if name in columns else table[name].to_pylist() for name in table.schema.names}
    files.write_table(target, attention_schemas.ATTENTION, content, files.read_facts(path, attention_schemas.ATTENTION))
    return target


def test_each_measure_is_its_formula() -> None:
    attention = np.array([[0.1, 0.2, 0.4], [0.3, 0.2, 0.0]], np.float32)
    received = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]], np.float32)
    norms = np.array([[2, 1, 1], [1, 4, 9]], np.float32)
    rollout = np.array([0.6, 0.1, 0.3], np.float32)
    found = measures_of_document(attention, received.ravel(), rollout, norms.ravel())
    assert list(found) == list(TOKEN_MEASURES)
    np.testing.assert_allclose(found["received"], [0.3, 0.2, 0.5], rtol=1e-6)
    np.testing.assert_allclose(found["rollout"], rollout, rtol=1e-6)
    np.testing.assert_allclose(found["norm-weighted"], np.array([0.5, 1.0, 0.4]) / 1.9, rtol=1e-6)
    assert list(measures_of_document(attention, received.ravel(), rollout, None)) == ["received", "rollout"]
    nothing = measures_of_document(np.zeros_like(attention), None, None, norms.ravel())
    assert nothing["norm-weighted"].tolist() == [0, 0, 0]


def test_a_study_offers_what_every_shard_has(inputs: SiteInputs, tmp_path: Path) -> None:
    first, second = inputs.attention
    assert measures_of_study([first, second]) == list(TOKEN_MEASURES)
    bypassed = without(second, tmp_path / "no-norms.parquet", "value_norm")
    assert measures_of_study([first, bypassed]) == ["received", "rollout"]
    diagonal = without(second, tmp_path / "diagonal.parquet", "received", "rollout", "value_norm", "profile")
    assert measures_of_study([first, diagonal]) == []
    empty = files.read_table(first, attention_schemas.ATTENTION).slice(0, 0)
    files.write_table(
        tmp_path / "empty.parquet", attention_schemas.ATTENTION, {n: empty[n] for n in empty.column_names}, {}
    )
    assert measures_of_study([tmp_path / "empty.parquet", first]) == list(TOKEN_MEASURES)
    assert measures_of_study([tmp_path / "empty.parquet"]) == []


def test_a_page_holds_the_measures_behind_the_aggregates(inputs: SiteInputs, site: Path) -> None:
    row, content = row_at(inputs, DOCUMENT), page_payload(site, DOCUMENT)
    assert content["measures"] == list(TOKEN_MEASURES)
    codes = packing.unpack(content["aggregates"], AGGREGATE_CODE.dtype).reshape(-1, len(row.tokens))
    exact = np.vstack([row.aggregates, *row.measures.values()])
    np.testing.assert_allclose(AGGREGATE_CODE.decode(codes), exact, rtol=1.001 * AGGREGATE_CODE.relative_error)


@pytest.mark.browser
def test_a_page_without_full_mode_knows_nothing_of_them(tmp_path: Path, visitor: Visitor) -> None:
    inputs = write_site_inputs(tmp_path / "inputs", n_documents=2, n_shards=1, full=False, evidence=False)
    write_site(site_settings(), inputs, tmp_path / "site")
    content, row = page_payload(tmp_path / "site", 1), row_at(inputs, 1)
    assert "measures" not in content
    assert len(packing.unpack(content["aggregates"], AGGREGATE_CODE.dtype)) == len(AGGREGATES) * len(row.tokens)
    page = visitor(tmp_path / "site").open(f"{links.document(1)}#m=rollout&h=range,received")
    assert page.locator("#add-row option").all_inner_texts() == ["…", *AGGREGATES, "max \u2212 min", "mean of pins"]
    assert page.locator("#measure").input_value() == "mean"
    assert page.locator("#pins li").count() == 1
    assert page.locator("#agreement").count() == 0


@pytest.fixture(scope="module")
def site_without_norms(inputs: SiteInputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("no-norms")
    attention = [without(path, folder / path.name, "value_norm") for path in inputs.attention]
    write_site(site_settings(), replace(inputs, attention=attention), folder / "site")
    return folder / "site"


def numbers_of(row: DocumentRow, measure: str) -> Any:
    return row.measures.get(measure, row.aggregates[list(AGGREGATES).index(measure)] if measure in AGGREGATES else None)


@pytest.mark.browser
@pytest.mark.parametrize("measure", [*TOKEN_MEASURES, "entropy"])
def test_a_reader_sees_how_a_measure_ranks_tokens_beside_the_mean(
    measure: str, inputs: SiteInputs, site: Path, visitor: Visitor
) -> None:
    row = row_at(inputs, DOCUMENT)
    counted = ~row.special
    pair = [Ranks(np.asarray(values)[counted]) for values in (numbers_of(row, measure), row.aggregates[0])]
    rho = rank_correlations(pair, np.ones(counted.sum()))[0, 1]
    page = visitor(site).open(links.document(DOCUMENT))
    assert page.locator("#agreement").inner_text() == ""
    shaded = page.locator("#text .tk[style*=background]").evaluate_all(
        "(all) => all.map((token) => token.style.cssText)"
    )
    page.locator("#measure").select_option(measure)
    until(page, f"location.hash.includes('m={measure}') && document.querySelector('#agreement').textContent")
    shown = page.locator("#agreement").inner_text()
    rule = r"Spearman with the mean of self-attention ([+-]?\d\.\d\d) over (\d+) tokens"
    found = re.fullmatch(rule, shown.replace("−", "-"))
    assert found is not None
    assert float(found[1]) == pytest.approx(rho, abs=0.006)
    assert int(found[2]) == counted.sum()
    assert (
        page.locator("#text .tk[style*=background]").evaluate_all("(all) => all.map((token) => token.style.cssText)")
        != shaded
    )
    page.locator("#measure").select_option("mean")
    until(page, "document.querySelector('#agreement').textContent === ''")


@pytest.mark.browser
def test_measures_are_rows_pins_and_numbers(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    row = row_at(inputs, DOCUMENT)
    page = visitor(site).open(f"{links.document(DOCUMENT)}#rows=aggregates&m=rollout&h=received")
    assert page.locator("#series-measure").inner_text() == "rollout"
    page.locator("#add-row").select_option("norm-weighted")
    until(page, "location.hash.includes('h=received,norm-weighted')")
    page.locator("#text .tk[data-token='9']").hover()
    until(page, "document.querySelector('#pins .pin-value').textContent")
    assert float(page.locator("#pins .pin-value").first.inner_text()) == pytest.approx(
        row.measures["received"][9], rel=0.06
    )
    page.locator("#exports summary").press("Enter")
    until(page, "Boolean(globalThis.attviz.exportPanel)")
    for view in ("series", "sequence"):
        page.locator("#export-view").select_option(view)
        with page.expect_download() as waiting:
            page.locator("#exports [data-format=csv]").click()
        lines = list(csv.DictReader(Path(waiting.value.path()).read_text(encoding="utf-8").splitlines()))
        for name, exact in row.measures.items():
            np.testing.assert_allclose([float(line[name]) for line in lines], exact, rtol=1e-3)


@pytest.mark.browser
def test_measures_are_merged_to_words(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.document(DOCUMENT)}#words=mean&m=norm-weighted")
    assert re.fullmatch(r"Spearman .* over \d+ words", page.locator("#agreement").inner_text())


@pytest.mark.browser
def test_norm_weighted_attention_is_left_out_without_value_vectors(site_without_norms: Path, visitor: Visitor) -> None:
    page = visitor(site_without_norms).open(f"{links.document(DOCUMENT)}#m=norm-weighted&h=rollout,norm-weighted")
    assert page.locator("#measure").input_value() == "mean"
    assert page.locator("#pins li > :nth-child(2)").all_inner_texts() == ["rollout"]
    page.locator("#measure").select_option("received")
    until(page, "document.querySelector('#agreement').textContent.startsWith('Spearman')")


@pytest.mark.browser
def test_a_token_has_a_value_in_every_measure(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    row = row_at(inputs, DOCUMENT)
    page = visitor(site).open(f"{links.document(DOCUMENT)}#t=9")
    names = page.locator("#inspector-values dt").all_inner_texts()
    shown = dict(zip(names, page.locator("#inspector-values dd").all_inner_texts(), strict=True))
    page.locator("#token-list summary").press("Enter")
    page.wait_for_selector("#token-list tbody tr")
    titles = [title.lower() for title in page.locator("#token-list thead th").all_inner_texts()]
    cells = page.locator("#token-list tbody tr").nth(9).locator("th, td").all_inner_texts()
    listed = dict(zip(titles, cells, strict=True))
    for name, exact in row.measures.items():
        assert float(shown[name]) == pytest.approx(exact[9], rel=0.006)
        assert float(listed[name]) == pytest.approx(exact[9], rel=0.006)


@pytest.mark.browser
def test_the_mean_of_the_readers_own_heads_is_a_measure_and_a_row(
    inputs: SiteInputs, site: Path, visitor: Visitor
) -> None:
    heads = row_at(inputs, DOCUMENT).self_attention
    page = visitor(site).open(f"{links.document(DOCUMENT)}#h=1.2,0.1,1.0~~x,pinned&m=pinned&scores=1")

    def mean_of_pins() -> list[float]:
        page.locator("#export-view").select_option("series")
        with page.expect_download() as waiting:
            page.locator("#exports [data-format=csv]").click()
        lines = csv.DictReader(Path(waiting.value.path()).read_text(encoding="utf-8").splitlines())
        return [float(line["mean of pins"]) for line in lines]

    page.locator("#exports summary").press("Enter")
    until(page, "Boolean(globalThis.attviz.exportPanel)")
    assert page.locator("#series-measure").inner_text() == "mean of pins"
    assert page.locator("#measure").input_value() == "pinned"
    np.testing.assert_allclose(mean_of_pins(), heads[[5, 1]].mean(axis=0), rtol=0.03)
    before = page.locator("#text .tk").nth(9).get_attribute("data-score")
    page.locator("#head-grid [data-row='2']").click()
    until(page, "location.hash.includes('0.2')")
    np.testing.assert_allclose(mean_of_pins(), heads[[5, 1, 2]].mean(axis=0), rtol=0.03)
    assert page.locator("#text .tk").nth(9).get_attribute("data-score") != before
    assert page.locator("#pins li").count() == 5


@pytest.mark.browser
def test_without_a_pinned_head_there_is_no_mean_of_pins(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.document(DOCUMENT)}#h=pinned&m=pinned")
    assert page.locator("#pins li").count() == 0
    assert page.locator("#series-measure").inner_text() == "mean"
    assert page.locator("option[value=pinned]:disabled").count() == 3


@pytest.mark.browser
def test_what_shows_the_mean_of_pins_follows_them(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.document(DOCUMENT)}#h=1.2,pinned~~b&m=pinned&t=9")
    shown = """[[...document.querySelectorAll('#text .tk')].map((token) => token.style.backgroundColor).join(),
        [...document.querySelectorAll('#series canvas')].at(-1).toDataURL()]"""
    before = page.evaluate(shown)
    page.locator("#head-grid [data-row='1']").click()
    until(page, "location.hash.includes('0.1')")
    assert all(now != then for now, then in zip(page.evaluate(shown), before, strict=True))
    page.locator("#measure").select_option("mean")
    until(page, "location.hash.includes('m=mean') || !location.hash.includes('m=')")
    before = page.evaluate(shown)
    page.locator("#head-grid [data-row='2']").click()
    until(page, "location.hash.includes('0.2')")
    assert page.evaluate(shown)[0] != before[0]
