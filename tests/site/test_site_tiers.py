"""A site that would be too large with every head: every document has a page, and those worth most keep every head."""

import logging
import math
import re
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from document_pages import filled_page, page_payload, page_text
from numpy.typing import NDArray
from site_visits import Visitor, row_at, until
from synthetic_site import MAPPED, site_settings, write_site_inputs

from attviz_pipeline.aggregates import AGGREGATES, DEFINITIONS
from attviz_pipeline.artifacts import packing
from attviz_pipeline.artifacts.log_code import ATTENTION_CODE
from attviz_pipeline.errors import ConfigError
from attviz_pipeline.report import links
from attviz_pipeline.report import render_site as site_module
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.page_sizes import (
    BYTES_PER_CLASS,
    BYTES_PER_MEASURE,
    BYTES_PER_TOKEN,
    BYTES_PER_VALUE,
    PAGE_BYTES,
    page_bytes,
    read_sizes,
)
from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.report.rows import DocumentRow
from attviz_pipeline.report.tiers import Tiers, choose_tiers
from attviz_pipeline.report.views.document_evidence import bytes_of_evidence
from attviz_pipeline.report.views.study import StudyView, read_study_view

pytestmark = pytest.mark.slow

N_DOCUMENTS = 24
N_LAYERS, N_HEADS = 4, 12


@pytest.fixture(scope="module")
def many_heads(tmp_path_factory: pytest.TempPathFactory) -> SiteInputs:
    folder = tmp_path_factory.mktemp("many-heads")
    return write_site_inputs(folder, n_documents=N_DOCUMENTS, n_layers=N_LAYERS, n_heads=N_HEADS)


def study_of(inputs: SiteInputs, megabytes: float = 900) -> StudyView:
    return read_study_view(site_settings(megabytes).study, inputs)


def needed(inputs: SiteInputs, positions: list[int]) -> float:
    """Bytes that the heads of some documents are counted as."""
    return sum(BYTES_PER_VALUE * len(row_at(inputs, p).tokens) * N_LAYERS * (N_HEADS - 1) for p in positions)


def has_all_pages(inputs: SiteInputs, written: int, mapped: Collection[int]) -> bool:
    try:
        return choose_tiers(inputs.statistics.document_index, study_of(inputs), written, mapped).with_page is None
    except ConfigError:
        return False


def room(inputs: SiteInputs, mapped: Collection[int] = ()) -> int:
    """Bytes that may be written already where the smallest site with pages of all documents just fits."""
    low, high = 0, 900_000_000
    while low + 1 < high:
        middle = (low + high) // 2
        if has_all_pages(inputs, middle, mapped):
            low = middle
        else:
            high = middle
    return low


def full_with(inputs: SiteInputs, n_bytes: float) -> frozenset[int]:
    """Documents with every head where so many bytes are left beside the smallest site."""
    return choose_tiers(inputs.statistics.document_index, study_of(inputs), int(room(inputs) - n_bytes)).full


@pytest.mark.slow
def test_a_site_with_room_has_every_head_everywhere(many_heads: SiteInputs) -> None:
    tiers = choose_tiers(many_heads.statistics.document_index, study_of(many_heads), 0)
    assert tiers.full == set(range(N_DOCUMENTS))


def test_mistakes_come_first_then_the_least_certain_then_a_sample(many_heads: SiteInputs) -> None:
    rows = [row_at(many_heads, position) for position in range(N_DOCUMENTS)]
    gold = {row.position: row.probabilities[row.gold] for row in rows if row.gold is not None}
    wrong = sorted((row.position for row in rows if row.gold != row.predicted), key=lambda p: gold[p])
    right = sorted((row.position for row in rows if row.gold == row.predicted), key=lambda p: gold[p])
    assert full_with(many_heads, needed(many_heads, wrong[:1]) + 10) == {wrong[0]}
    assert full_with(many_heads, needed(many_heads, wrong) + 10) >= set(wrong)
    more = full_with(many_heads, needed(many_heads, wrong) + needed(many_heads, right) / 2)
    assert set(wrong) < more
    assert right[0] in more
    assert 0 < len(more - set(wrong)) < len(right)


@pytest.fixture(scope="module")
def small_site(many_heads: SiteInputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = tmp_path_factory.mktemp("small") / "site"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site_module, "choose_tiers", lambda *_: Tiers(frozenset(), N_DOCUMENTS))
        write_site(site_settings(), replace(many_heads, maps=None, evidence=None), site)
    return site


def lightest(inputs: SiteInputs, written: int = 0) -> float:
    """Megabytes of the smallest site that has a page, as the error says them."""
    with pytest.raises(ConfigError, match=r"pages for a single document") as fault:
        choose_tiers(inputs.statistics.document_index, study_of(inputs, 0.001), written)
    found = re.search(r"takes about ([\d,.]+) MB", str(fault.value))
    assert found is not None
    return float(found[1].replace(",", ""))


def test_a_budget_too_small_for_any_page_is_refused_with_the_least_that_would_do(many_heads: SiteInputs) -> None:
    index = many_heads.statistics.document_index
    megabytes = lightest(many_heads)
    assert choose_tiers(index, study_of(many_heads, megabytes + 0.06), 0).n_pages > 0
    assert lightest(many_heads, 2_000_000) == pytest.approx(megabytes + 2, abs=0.06)
    with pytest.raises(ConfigError, match=rf"Set site.max_megabytes to {math.ceil(megabytes)} or more"):
        choose_tiers(index, study_of(many_heads, 0.001), 0)


def test_every_value_of_a_token_makes_the_smallest_site_larger(many_heads: SiteInputs) -> None:
    sizes, study = read_sizes(many_heads.statistics.document_index), study_of(many_heads)
    one_more = replace(study, token_measures=[*study.token_measures, "received"])

    added = page_bytes(sizes, one_more) - page_bytes(sizes, study)

    np.testing.assert_allclose(added, BYTES_PER_MEASURE * sizes.n_tokens)


def test_documents_with_maps_have_every_head_whatever_the_room(many_heads: SiteInputs) -> None:
    written = room(many_heads, MAPPED)
    assert choose_tiers(many_heads.statistics.document_index, study_of(many_heads), written, MAPPED).full == set(MAPPED)
    assert room(many_heads) - written == pytest.approx(needed(many_heads, list(MAPPED)), abs=2)


def test_evidence_takes_room(many_heads: SiteInputs) -> None:
    index, study = many_heads.statistics.document_index, study_of(many_heads)
    measured = [1, 4]
    n_bytes = bytes_of_evidence(np.array([len(row_at(many_heads, p).tokens) for p in measured]), study.task)
    all_heads = room(many_heads) - int(needed(many_heads, list(range(N_DOCUMENTS)))) - 2

    assert choose_tiers(index, study, all_heads).n_full == N_DOCUMENTS
    assert choose_tiers(index, study, all_heads, (), measured).n_full < N_DOCUMENTS
    assert choose_tiers(index, study, all_heads - math.ceil(n_bytes), (), measured).n_full == N_DOCUMENTS


def test_a_site_that_loses_heads_says_so(many_heads: SiteInputs, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        choose_tiers(many_heads.statistics.document_index, study_of(many_heads), room(many_heads))
    assert "of 24 document pages hold every head, the others the means" in caplog.text


@pytest.fixture(scope="module")
def large_site(many_heads: SiteInputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = tmp_path_factory.mktemp("large") / "site"
    write_site(site_settings(), replace(many_heads, maps=None, evidence=None), site)
    return site


@pytest.mark.parametrize("tier", ["full", "lite"])
def test_pages_take_no_more_than_is_counted_and_not_much_less(
    tier: str, many_heads: SiteInputs, small_site: Path, large_site: Path
) -> None:
    site = large_site if tier == "full" else small_site
    for position in range(N_DOCUMENTS):
        row = row_at(many_heads, position)
        rows = N_LAYERS * (1 if tier == "lite" else N_HEADS)
        counted = PAGE_BYTES + 3 * BYTES_PER_CLASS + 1.1 * len(row.text.encode())
        counted += len(row.tokens) * (BYTES_PER_TOKEN + BYTES_PER_MEASURE * len(row.measures) + BYTES_PER_VALUE * rows)
        taken = (site / links.document(position)).stat().st_size
        assert 0.75 * counted < taken < counted


def test_a_page_of_few_tokens_is_small(many_heads: SiteInputs, small_site: Path) -> None:
    """So that a hundred thousand of them, and their numbers, fit in a site."""
    for position in range(N_DOCUMENTS):
        text = page_text(small_site, position)
        payload_size = len(text[text.index('id="payload">') : text.rindex("</script>")].encode())
        without = len(text.encode()) - payload_size - len(row_at(many_heads, position).text.encode())
        assert 3_000 < without < 5_700


def test_a_page_of_the_smaller_tier_holds_the_means_of_layers(many_heads: SiteInputs, small_site: Path) -> None:
    row, content = row_at(many_heads, 7), page_payload(small_site, 7)
    codes = packing.unpack(content["attention"]["codes"], np.dtype(np.uint8)).reshape(N_LAYERS, -1)
    medians = packing.unpack(content["attention"]["medians"], np.dtype(np.uint8))
    shown = ATTENTION_CODE.decode(codes + medians[:, None])
    exact = row.self_attention.reshape(N_LAYERS, N_HEADS, -1).mean(axis=1)
    np.testing.assert_allclose(shown, exact, rtol=0.0281)
    assert (content["layers"], content["heads"], content["lite"]) == (N_LAYERS, 1, True)


def test_page_and_index_say_which_tier(small_site: Path, site: Path) -> None:
    assert "0 of 24 documents have every head" in filled_page(small_site, 7)
    assert "0 of 24 pages contain every head" in (small_site / links.DOCUMENTS).read_text(encoding="utf-8")
    assert 'id="tier"' not in filled_page(site, 7)
    assert 'id="tiers"' not in (site / links.DOCUMENTS).read_text(encoding="utf-8")


@pytest.mark.browser
def test_rows_of_the_index_say_which_tier(small_site: Path, site: Path, visitor: Visitor) -> None:
    page = visitor(small_site).open(links.DOCUMENTS)
    assert all("layers only" in text for text in page.locator(".row-list .c-id").all_inner_texts())
    assert "layers only" not in visitor(site).open(links.DOCUMENTS).locator("#document-table").inner_text()


@pytest.mark.browser
@pytest.mark.parametrize("rows", ["layers", "heads", "varied", "aggregates"])
def test_a_page_of_the_smaller_tier_works(
    rows: str, many_heads: SiteInputs, small_site: Path, visitor: Visitor
) -> None:
    page = visitor(small_site).open(f"{links.document(7)}#rows={rows}&normed=1&norm=length&h=L1,range,3.4")
    page.locator("#sequence").scroll_into_view_if_needed()
    page.wait_for_selector(".token-line canvas")
    page.locator("#text .tk[data-token='9']").hover()
    until(page, "document.querySelector('#inspector-place').textContent.startsWith('token 9')")
    assert f"{row_at(many_heads, 7).aggregates[3][9]:.3g}"[:4] in page.locator("#inspector-values").inner_text()
    assert page.locator("#pins li > :nth-child(2)").all_inner_texts() == ["L1", "max \u2212 min"]
    page.locator("#head-grid").get_by_role("button", name="Layer 3, mean").click()
    assert "h=L1,range,L3" in page.url
    page.locator("#measure").select_option("rollout")
    until(page, "document.querySelector('#agreement').textContent.startsWith('Spearman')")
    page.locator("#exports summary").press("Enter")
    until(page, "Boolean(globalThis.attviz.exportPanel)")


def of_words(numbers: NDArray[np.float32], row: DocumentRow, way: str) -> NDArray[np.float64]:
    """Numbers of pieces, [..., token], as numbers of words, [..., word]."""
    reduce = {"mean": np.mean, "max": np.max, "first": lambda part, axis: part.take(0, axis)}[way]
    firsts = np.flatnonzero(np.concatenate([[True], row.words[1:] != row.words[:-1]]))[1:]
    return np.stack([reduce(part, axis=-1) for part in np.split(numbers.astype(np.float64), firsts, axis=-1)], axis=-1)


def shown_aggregates(page: Any) -> dict[str, NDArray[np.float64]]:  # noqa: ANN401 - Playwright may be missing
    """Every aggregate that a page has of its tokens or words, [token]."""
    shown = page.evaluate(
        "Object.entries(attviz.shownDocument.get().doc.aggregates).map(([name, values]) => [name, [...values]])"
    )
    return {name: np.array(values) for name, values in shown}


@pytest.mark.browser
@pytest.mark.parametrize("way", ["mean", "max"])
def test_aggregates_of_merged_words_are_those_of_the_definition(
    way: str, many_heads: SiteInputs, large_site: Path, visitor: Visitor
) -> None:
    row = row_at(many_heads, 7)
    page = visitor(large_site).open(f"{links.document(7)}#words={way}")
    shown, heads = shown_aggregates(page), of_words(row.self_attention, row, way)
    assert heads.shape[1] < len(row.tokens)
    for name, aggregate in DEFINITIONS["paper"].items():
        np.testing.assert_allclose(shown[name], aggregate(heads), rtol=0.06, err_msg=name)
    pieces = np.bincount(np.cumsum(np.concatenate([[False], row.words[1:] != row.words[:-1]])))
    for merged in (False, True):
        word = np.flatnonzero((pieces > 1) == merged)[-1]
        page.locator(f"#text .tk[data-token='{word}']").hover()
        until(page, f"document.querySelector('#inspector-place').textContent.startsWith('token {word}')")
        assert ("≈" in page.locator("#inspector-values dd").nth(2).inner_text()) == merged


@pytest.mark.browser
@pytest.mark.parametrize("way", ["mean", "max", "first"])
def test_without_heads_words_take_the_aggregates_of_their_pieces(
    way: str, many_heads: SiteInputs, small_site: Path, visitor: Visitor
) -> None:
    row = row_at(many_heads, 7)
    page = visitor(small_site).open(f"{links.document(7)}#words={way}&m=entropy&rows=aggregates&h=std,max")
    shown = shown_aggregates(page)
    pieces = np.vstack([row.aggregates, *row.measures.values()])
    exact = dict(zip((*AGGREGATES, *row.measures), of_words(pieces, row, way), strict=True))
    exact = exact if way == "first" else {name: exact[name] for name in ("mean", "max", "min", *row.measures)}
    for name, values in {**exact, "range": exact["max"] - exact["min"]}.items():
        np.testing.assert_allclose(shown.pop(name), values, rtol=2e-3, err_msg=name)
    assert not shown
    offered = way == "first"
    assert page.locator("#measure option[value=std]").is_enabled() == offered
    assert page.locator("#measure").input_value() == ("entropy" if offered else "mean")
    assert ("std and entropy need every head" in page.locator("#tier").inner_text()) != offered
    assert page.locator("#pins li > :nth-child(2)").all_inner_texts() == (["std", "max"] if offered else ["max"])
    assert (page.locator("#inspector-values dd").nth(1).inner_text() == "\u2013") != offered
    page.locator("#token-list summary").press("Enter")
    page.wait_for_selector("#token-list tbody tr")


@pytest.mark.browser
def test_means_of_layers_have_no_head_in_a_table(small_site: Path, visitor: Visitor) -> None:
    page = visitor(small_site).open(links.document(7))
    page.locator("#exports summary").press("Enter")
    until(page, "Boolean(globalThis.attviz.exportPanel)")
    table = page.evaluate("attviz.documentNumbers.TABLES.overview(attviz.shownDocument.get())")
    assert {tuple(line.split(",")[:2]) for line in table.splitlines()[1:]} == {(str(x), "") for x in range(N_LAYERS)}
