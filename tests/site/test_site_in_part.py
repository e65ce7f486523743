"""A site whose budget holds a fifth of its documents: it shows these, counts all, and lets readers search the rest."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from attviz_files import Imported, document
from document_pages import page_text
from html_page import Page, words
from share_safe import SECRETS, leaks
from shared_folders import built_once, made_once
from site_statistics import compute_statistics
from site_visits import Visitor, arrive, faults_of_looks, until
from slow_cases import rest_is_slow
from synthetic_site import MAPPED, site_of_import, site_settings, write_site_inputs
from task_studies import write_task_study

from attviz_pipeline.artifacts import evidence_schemas, files, model_schemas, statistics_schemas
from attviz_pipeline.config.reading import parse_study
from attviz_pipeline.config.settings import TaskName
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.publish.corpus import texts_of_dataset
from attviz_pipeline.redaction.redact_attention import redact_attention
from attviz_pipeline.report import links, tiers
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.report.rows import iter_documents
from attviz_pipeline.report.sentences import documents as sentences
from attviz_pipeline.report.views import documents
from attviz_pipeline.results import Document
from attviz_pipeline.stages import RedactAttention, RenderSite

pytestmark = pytest.mark.slow

N_DOCUMENTS = 100
MEGABYTES = 2.2


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> SiteInputs:
    def make(folder: Path) -> SiteInputs:
        return write_site_inputs(folder, n_documents=N_DOCUMENTS, models=True)

    return made_once(tmp_path_factory, "in-part-inputs", make)


@pytest.fixture(scope="module")
def part(inputs: SiteInputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    def build(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(documents, "OTHERS_PER_PART", 30)
            write_site(site_settings(MEGABYTES), inputs, folder / "site")

    return built_once(tmp_path_factory, "in-part", build) / "site"


def shown(site: Path) -> list[int]:
    """Positions of the documents with a page."""
    return sorted(int(page.stem) for page in (site / "documents").glob("*.html"))


def row_scripts(site: Path, table: str) -> Iterator[dict[str, Any]]:
    for path in sorted((site / links.ASSETS).glob(f"{table}-*.js")):
        text = path.read_text(encoding="utf-8")
        yield json.loads(text.removeprefix(f'attviz.tableRows.add("{table}",').removesuffix(");\n"))


def column(site: Path, table: str, name: str) -> list[Any]:
    return [value for chunk in row_scripts(site, table) for value in chunk[name]]


def dead_links(site: Path) -> list[str]:
    """Every address in the site's pages, and every document that its scripts link to, without a file."""
    found = []
    for page in sorted(site.rglob("*.html")):
        for _, address in Page(page).addresses:
            path = unquote(urlsplit(address).path)
            if address != "data:," and path and not (page.parent / path).resolve().is_file():
                found.append(f"{page.name}: {address}")
    there = set(shown(site))
    lines = [line for lines in column(site, "details", "lines") for line in lines]
    linked = {line[0] for line in lines} | set(column(site, "documents", "position"))
    linked |= {int(number) - 1 for number in np.cumsum(column(site, "compare-documents", "steps"))}
    return found + [f"document {position}" for position in sorted(linked - there)]


def test_about_a_fifth_of_the_documents_have_a_page_and_the_budget_is_kept(part: Path) -> None:
    assert 15 <= len(shown(part)) <= 30
    assert sum(path.stat().st_size for path in part.rglob("*") if path.is_file()) < MEGABYTES * 1e6


def test_documents_with_maps_or_evidence_have_a_page(inputs: SiteInputs, part: Path) -> None:
    assert inputs.evidence is not None
    table = files.read_table(inputs.evidence.gradients, evidence_schemas.GRADIENTS, ["position"])
    assert {*MAPPED, *table["position"].to_pylist()} <= set(shown(part))


def test_no_link_is_dead(part: Path) -> None:
    assert dead_links(part) == []


def test_pages_count_all_documents_and_those_with_a_page(part: Path) -> None:
    n = len(shown(part))
    sentence = (
        f"{n} of 100 documents have a page: those with maps or evidence, then misclassified ones, then the least "
        "confident ones, then a sample. Statistics are not restricted to these. A larger site.max_megabytes (now "
        "2.2) makes room for more."
    )
    for address in (links.START, links.DOCUMENTS, links.ABOUT, links.COMPARE):
        assert sentence in words(part / address), address
    assert f"Search, filter and open {n} of 100 documents" in words(part / links.START)
    assert "100 documents, 74 misclassified" in words(part / links.DOCUMENTS)
    assert "pages contain every head: those with maps, then" in words(part / links.DOCUMENTS)
    assert f"{100 - n} documents have no page." in words(part / links.DOCUMENTS)
    assert "Each number links to its documents that have a page." in words(part / links.CLASSES)


def test_previous_and_next_step_over_documents_with_a_page(part: Path) -> None:
    pages = shown(part)
    steps = list(zip([None, *pages], pages, [*pages[1:], None], strict=False))
    for place, (before, position, behind) in enumerate(steps, start=1):
        text = page_text(part, position)
        assert f"Document {position + 1} of 100 · page {place} of {len(pages)}" in text
        for relation, other in (("prev", before), ("next", behind)):
            found = re.search(rf'rel="{relation}" href="([^"]*)"', text)
            assert (found[1] if found else None) == (None if other is None else links.document_name(other))


def test_lists_of_a_head_and_of_a_class_say_that_they_are_of_documents_with_a_page(part: Path) -> None:
    n = len(shown(part))
    assert f"5 of the {n} with a page, of 100 documents, by mean self-attention" in words(part / links.head(1, 2))
    for label in range(3):
        text = words(part / links.class_page(label))
        assert re.search(
            r"of the \d+ with a page, of \d+ documents\.|The \d+ with a page, of \d+ doc|has a page\.", text
        )
    assert re.search(r"5 of the \d+ with a page, of 74 documents\.", words(part / links.WRONG))


def test_what_is_said_of_all_documents_names_those_without_a_page(inputs: SiteInputs, part: Path) -> None:
    rows = files.read_table(inputs.statistics.document_index, statistics_schemas.DOCUMENT_INDEX).to_pylist()
    wrong = [row for row in rows if row["label"] != row["prediction"]]
    worst = sorted(wrong, key=lambda row: (-max(row["probabilities"]), row["position"]))[:5]
    text = words(part / links.START)
    addresses = {address for _, address in Page(part / links.START).addresses}
    for row in worst:
        has_page = row["position"] in shown(part)
        assert (links.document(row["position"]) in addresses) == has_page
        assert (f"no page, id {row['id']}" in text) != has_page
    assert any(row["position"] not in shown(part) for row in worst)


def test_the_index_lists_documents_with_a_page_and_scripts_hold_the_others(part: Path) -> None:
    pages = shown(part)
    assert column(part, "documents", "position") == pages
    assert column(part, "documents", "id") == [f"doc-{position:04d}" for position in pages]
    assert [int(place) for chunk in row_scripts(part, "shades") for place in chunk] == list(range(len(pages)))
    others = [position for position in range(N_DOCUMENTS) if position not in pages]
    assert column(part, "others", "id") == [f"doc-{position:04d}" for position in others]
    assert all(len(text) <= 120 for text in column(part, "others", "text"))
    assert {len(chunk["id"]) for chunk in row_scripts(part, "others")} <= {30, len(others) % 30}
    assert len(column(part, "others", "confidence")) == len(others)


def test_texts_of_documents_without_a_page_count_as_the_datasets(part: Path) -> None:
    text, name = column(part, "others", "text")[0][:40], column(part, "others", "id")[0]
    names = [path.relative_to(part).as_posix() for path in part.rglob("*") if path.is_file()]
    assert texts_of_dataset(part, names, [text, name, "/home/somebody"]) == {text, name}


def test_a_document_without_a_page_says_how_it_gets_one(part: Path) -> None:
    position = next(position for position in range(N_DOCUMENTS) if position not in shown(part))
    given = {"site": part, "position": position, "text": "", "tokens": [], "split": "", "label": 0, "prediction": 0}
    empty = np.zeros(0)
    found = Document(id="x", probabilities=empty, special=empty, self_attention=empty, **given)
    with pytest.raises(ArtifactError, match=r"has no page documents/") as fault:
        found.show()
    assert "site.max_megabytes" in str(fault.value)


def test_wanted_documents_are_read_as_when_all_are(inputs: SiteInputs) -> None:
    wanted = np.zeros(N_DOCUMENTS, np.bool_)
    wanted[[3, 50, 51, 99]] = True
    for shards in zip(inputs.attention, inputs.aggregates, strict=True):
        whole = {row.position: row for row in iter_documents(*shards)}
        found = list(iter_documents(*shards, wanted))
        assert [row.position for row in found] == [position for position in whole if wanted[position]]
        for row in found:
            assert row.text == whole[row.position].text
            np.testing.assert_array_equal(row.self_attention, whole[row.position].self_attention)
            np.testing.assert_array_equal(row.aggregates, whole[row.position].aggregates)


def at_most(n_pages: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (tiers, sentences):
        monkeypatch.setattr(module, "MOST_PAGES", n_pages)


@pytest.mark.parametrize("task", rest_is_slow(["single_label", "multi_label", "regression"]))
@pytest.mark.parametrize("labelled", rest_is_slow([0.8, 0.0]))
def test_sites_of_every_task_are_shown_in_part(
    task: TaskName, labelled: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = write_task_study(tmp_path, task, n_documents=40, labelled=labelled, full=False)
    if not labelled:
        files.write_json(inputs.metrics, model_schemas.METRICS, {"splits": {}})
    at_most(12, monkeypatch)
    write_site(site_settings(), inputs, tmp_path / "site")
    assert len(shown(tmp_path / "site")) == 12
    assert dead_links(tmp_path / "site") == []
    assert "12 of 40 documents have a page: those with maps" in words(tmp_path / "site" / links.DOCUMENTS)
    assert "More would make the index slow" in words(tmp_path / "site" / links.START)
    assert len(column(tmp_path / "site", "others", "id")) == 28
    assert all(("confidence" in chunk) == (task != "regression") for chunk in row_scripts(tmp_path / "site", "others"))


def test_imported_attention_is_shown_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_most(5, monkeypatch)
    site = site_of_import(
        tmp_path, Imported(tmp_path, [document(f"word ##s {n} profits up") for n in range(12)]).output
    )
    assert len(shown(site)) == 5
    assert dead_links(site) == []
    assert "5 of 12 documents have a page: the least confident ones, then a sample." in words(site / links.DOCUMENTS)


def test_no_file_of_a_redacted_site_in_part_holds_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_most(6, monkeypatch)
    often = [secret for secret in SECRETS if "once" not in secret]
    texts = [f"the {' of '.join(often)} bank said {n}" for n in range(24)]
    inputs = write_site_inputs(
        tmp_path, n_documents=24, texts=[*texts, f"{SECRETS[5]} bank"], full=False, evidence=False
    )
    section = {"mode": "shape", "min_document_frequency": 2}
    attention = [tmp_path / "redacted" / path.name for path in inputs.attention]
    redact_attention(RedactAttention.model_validate({"redaction": section}), list(inputs.attention), attention)
    statistics = compute_statistics(tmp_path / "again", attention, tmp_path / "ledger.parquet")
    study = {"name": "study", "dataset": {"source": "news.csv"}, "model": {"source": "folder"}, "redaction": section}
    changed = {"attention": attention, "maps": None, **statistics.fields()}
    write_site(RenderSite(study=parse_study(study, "test")), replace(inputs, **changed), tmp_path / "site")
    assert len(shown(tmp_path / "site")) == 6
    assert len(column(tmp_path / "site", "others", "text")) == 18
    assert dead_links(tmp_path / "site") == []
    assert leaks(tmp_path / "site", SECRETS) == []


@pytest.mark.browser
def test_a_reader_searches_the_documents_without_a_page(part: Path, visitor: Visitor) -> None:
    page = visitor(part).open(links.DOCUMENTS)
    page.locator("#search").fill("software")
    page.locator("#others summary").click()
    until(page, "document.getElementById('others-query').value === 'software'")
    others = column(part, "others", "text")
    page.locator("#others-query").fill("the")
    page.locator("#others-query").press("Enter")
    expected = [text for text in others if "the" in text]
    until(page, "document.getElementById('others-state').textContent.includes('found in')")
    assert page.locator("#others-state").inner_text() == f"{len(expected)} documents found in {len(others)}."
    assert page.locator("#others-found li").count() == len(expected)
    assert page.locator("#others-found a").count() == 0
    first = page.locator("#others-found li").first.inner_text()
    assert re.search(r"^doc-\d{4} · predicted \w+ [<>\d. ]+ % · gold \w+$", first.split("\n")[-1])
    # An id is found, too; the same scripts run again.
    page.locator("#others-query").fill(column(part, "others", "id")[-1])
    page.locator("#others-go").click()
    until(page, f"document.getElementById('others-state').textContent === '1 document found in {len(others)}.'")
    page.locator("#others-query").fill("no such words")
    page.locator("#others-go").click()
    until(page, f"document.getElementById('others-state').textContent === 'No documents found in {len(others)}.'")
    assert page.locator("#others-stop").is_hidden()
    assert faults_of_looks(page) == []


@pytest.mark.browser
def test_a_search_with_few_hits_offers_that_of_the_others(part: Path, visitor: Visitor) -> None:
    page = visitor(part).open(links.DOCUMENTS)
    offer = page.locator("#others-too")
    assert offer.is_hidden()
    name = column(part, "others", "id")[3]
    page.locator("#search").fill(name)
    until(page, "document.getElementById('others-too').checkVisibility()")
    assert offer.inner_text() == f"Search the other {len(column(part, 'others', 'id'))} documents, too"
    offer.click()
    until(page, "document.getElementById('others-state').textContent.startsWith('1 document found')")
    assert name in page.locator("#others-found li").inner_text()


@pytest.mark.browser
def test_the_index_leads_to_pages_and_back_along_the_readers_list(part: Path, visitor: Visitor) -> None:
    visit = visitor(part)
    page = visit.open(f"{links.DOCUMENTS}#outcome=right")
    rows = page.locator(".row-list .row-link")
    numbers = [int(text) for text in rows.all_inner_texts()]
    assert {number - 1 for number in numbers} <= set(shown(part))
    rows.first.click()
    arrive(page, f"{visit.root}{links.document(numbers[0] - 1)}")
    until(page, "document.querySelector('.trail').textContent.includes('in your list')")
    assert f"1 of {len(numbers)} in your list" in page.locator(".pager .trail").inner_text()
    if len(numbers) > 1:
        page.locator(".pager [rel=next]").click()
        arrive(page, f"{visit.root}{links.document(numbers[1] - 1)}")


@pytest.mark.browser
def test_texts_of_the_index_have_the_shades_of_their_documents(part: Path, visitor: Visitor) -> None:
    page = visitor(part).open(f"{links.DOCUMENTS}#view=texts")
    page.wait_for_selector(".row-list [class^=shade-]", state="attached")
    assert page.locator(".row-link").first.inner_text() == str(shown(part)[0] + 1)


@pytest.mark.browser
def test_the_comparison_offers_documents_with_a_page(part: Path, visitor: Visitor) -> None:
    numbers = [position + 1 for position in shown(part)]
    gap = next(i for i in range(len(numbers) - 1) if numbers[i + 1] - numbers[i] > 1)
    below, above = numbers[gap], numbers[gap + 1]
    page = visitor(part).open(f"{links.COMPARE}#a={below + 1}&b={numbers[-1]}")
    field = page.locator("#a-documents")
    assert field.input_value() == str(above)
    field.press("ArrowDown")
    field.press("Tab")
    until(page, f"document.getElementById('a-documents').value === '{above - 1 if above - 1 in numbers else below}'")
    until(page, "document.querySelector('#difference-views').textContent.length > 100")
