"""The list of shaded texts and its search, in Chromium."""
# ruff: noqa: ANN401 - Playwright is imported late, so that the tests can say that it is missing

import csv
from pathlib import Path
from typing import Any

import pytest
from site_visits import Visitor, faults_of_looks, row_at, until
from synthetic_site import HOSTILE_TEXTS

from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.views.document_shades import LEVELS

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TEXTS = f"{links.DOCUMENTS}#view=texts"
SHADES = """place => [...place.querySelectorAll("span")].map((span) =>
  [span.textContent, Number(/[/,] ([\\d.]+)\\)$/.exec(getComputedStyle(span).backgroundColor)[1]),
   span.className.split("-")[0]])"""
OF_PAGE = """() => [...document.querySelectorAll("#text .tk:not(.special)")].map((span) =>
  [span.textContent, Number(/[/,] ([\\d.]+)\\)$/.exec(getComputedStyle(span).backgroundColor)?.[1] ?? 0)])"""


def shades(page: Any, row: int) -> list[tuple[str, float, str]]:
    place = page.locator("#document-table .row-list .c-text").nth(row)
    place.locator("span").first.wait_for()
    return [tuple(one) for one in place.evaluate(SHADES)]


@pytest.mark.parametrize(("score", "most"), [("mean", 0.62), ("entropy", 0.62), ("gradient", 140 / 255)])
def test_a_text_has_the_shades_of_its_page(score: str, most: float, site: Path, visitor: Visitor) -> None:
    visit = visitor(site, color_scheme="light")
    found = {word: shade for word, shade, _ in shades(visit.open(f"{TEXTS}&lines=10&m={score}"), 2)}
    page = visit.open(f"{links.document(2)}#m={score}")
    expected = {word: alpha / most for word, alpha in page.evaluate(OF_PAGE)}
    assert found
    for word, shade in found.items():
        assert shade / most == pytest.approx(expected[word], abs=1.2 / (LEVELS // 2)), word
    strong = {word for word, shade in expected.items() if shade > 0.15}
    assert strong <= found.keys()


def test_scores_are_those_of_document_pages(site: Path, visitor: Visitor) -> None:
    choices = "select => [...select.options].map(({ value, text }) => [value, text])"
    visit = visitor(site)
    visit.open(links.document(2))
    until(visit.page, "document.querySelector('#measure').dataset.fixed > 0")
    on_page = visit.page.locator("#measure").evaluate(choices)
    offered = visit.open(TEXTS).locator("#shade").evaluate(choices)
    assert offered == on_page[: len(offered)]
    assert on_page[len(offered)][0] == "pinned"


def test_what_speaks_for_and_against_has_two_colours(site: Path, visitor: Visitor) -> None:
    page = visitor(site, viewport={"width": 1280, "height": 6000}).open(f"{TEXTS}&m=gradient&lines=10")
    signs = {name for row in range(4) for _, _, name in shades(page, row)}
    assert signs == {"for", "against"}
    colours = {
        page.locator(f".c-text [class^={name}]")
        .first.evaluate("e => getComputedStyle(e).backgroundColor")
        .split(" /")[0]
        for name in ("against", "for")
    }
    assert len(colours) == 2
    assert page.locator("[data-of-shade=gradient]").is_visible()
    assert page.locator("[data-of-shade=without]").is_hidden()
    last = page.locator("#document-table .row-list .c-text").last
    assert last.locator("span").count() == 0
    assert last.inner_text()


def test_the_list_is_filtered_sorted_and_searched_as_the_table_is(site: Path, visitor: Visitor) -> None:
    visit = visitor(site)
    asked = "q=the&sort=-confidence&outcome=wrong"
    numbers = visit.open(f"{links.DOCUMENTS}#{asked}").locator(".row-link").all_inner_texts()
    page = visit.open(f"{TEXTS}&{asked}")
    assert page.locator(".row-link").all_inner_texts() == numbers != []
    marks = {text.lower() for text in page.locator(".row-list mark").all_inner_texts()}
    assert "the" in marks
    assert all(mark in "the" for mark in marks)  # a token may end within a hit
    page.get_by_role("button", name="Confidence").click()
    assert page.locator(".row-link").all_inner_texts() == numbers[::-1]


def test_view_score_and_place_stand_in_the_address(site: Path, visitor: Visitor) -> None:
    page = visitor(site, viewport={"width": 1280, "height": 500}).open(links.DOCUMENTS)
    page.get_by_label("shaded texts").check()
    page.locator("#shade").select_option("max")
    page.locator("#lines").select_option("5")
    assert page.url.endswith("#lines=5&m=max&view=texts")
    page.evaluate("document.querySelector('#document-table').scrollIntoView(); scrollBy(0, 6 * 108)")
    until(page, "location.hash.includes('at=')")
    place, address = page.evaluate("scrollY"), page.url
    page.goto("about:blank")
    page.goto(address)
    page.wait_for_selector("html[data-ready]", state="attached")
    until(page, f"Math.abs(scrollY - {place}) < 108")
    assert page.locator("#shade").input_value() == "max"
    assert page.locator(".row-link").first.get_attribute("href").endswith(".html#m=max")


def test_a_made_up_score_and_view_are_ignored(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.DOCUMENTS}#view=texts&m=nonsense&lines=99&at=x")
    assert page.locator("#shade").input_value() == "mean"
    assert page.locator("#lines").input_value() == "2"
    assert shades(page, 0)


def test_only_shades_of_texts_in_sight_are_loaded(site: Path, visitor: Visitor) -> None:
    visit = visitor(site)
    loaded: list[str] = []
    visit.page.on("request", lambda request: loaded.append(request.url))
    page = visit.open(links.DOCUMENTS)
    assert not [url for url in loaded if "/shades-" in url]
    page.get_by_label("shaded texts").check()
    assert shades(page, 0)
    assert [url for url in loaded if "/shades-" in url]


def test_paper_has_the_shades_that_are_there(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.DOCUMENTS}")
    page.get_by_label("shaded texts").check()
    shades(page, 0)
    page.evaluate("location.hash = 'view=texts&m=max'; dispatchEvent(new Event('beforeprint'))")
    texts = page.locator("#document-table .row-list .c-text")
    assert texts.count() == 24
    assert [text.locator("span").count() > 0 for text in texts.all()] == [True] * 24


def test_missing_shades_are_said(site: Path, visitor: Visitor) -> None:
    visit = visitor(site)
    visit.page.route("**/shades-*.js", lambda route: route.abort())
    page = visit.open(TEXTS)
    until(page, "document.querySelector('#documents-note').textContent.startsWith('Shades are missing: ')")
    assert page.locator(".row-list .c-text").first.inner_text()
    visit.faults.clear()


def test_texts_that_may_offend_are_blurred_and_not_spoken(sensitive_site: Path, visitor: Visitor) -> None:
    page = visitor(sensitive_site).open(TEXTS)
    text = page.locator(".row-list .c-text").first
    text.locator("span").first.wait_for()
    assert "blur" in text.evaluate("e => getComputedStyle(e).filter")
    assert text.get_attribute("aria-hidden") == "true"
    page.locator("#consent").check()
    assert text.evaluate("e => getComputedStyle(e).filter") == "none"


def test_hostile_texts_are_only_text(hostile_site: Path, visitor: Visitor) -> None:
    page = visitor(hostile_site).open(f"{TEXTS}&lines=10")
    assert shades(page, 0)
    assert "</script><script>alert" in page.locator(".row-list .c-text").first.inner_text()


def test_the_list_is_accessible(site: Path, visitor: Visitor) -> None:
    page = visitor(site, color_scheme="light").open(f"{TEXTS}&m=gradient&q=the")
    assert faults_of_looks(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("width", [1280, 800, 390])
@pytest.mark.parametrize("view", ["table", "texts"])
def test_every_hit_in_a_text_is_in_sight(
    view: str, width: int, inputs: SiteInputs, site: Path, visitor: Visitor
) -> None:
    word = next(w for w in row_at(inputs, 7).text.split()[::-1] if len(w) > 4)
    page = visitor(site, viewport={"width": width, "height": 1500}).open(f"{links.DOCUMENTS}#view={view}&q={word}")
    rows = page.locator(".row-list .c-text")
    assert rows.count() > 0
    for row in rows.all():
        hit, box = row.locator("mark").first.bounding_box(), row.bounding_box()
        assert hit["x"] + hit["width"] <= box["x"] + box["width"]
        assert hit["y"] + hit["height"] <= box["y"] + box["height"] + 2


def saved(page: Any) -> list[dict[str, str]]:
    with page.expect_download() as waiting:
        page.locator("#csv").click()
    with Path(waiting.value.path()).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_the_filtered_documents_are_saved_in_their_order_with_all_columns(
    inputs: SiteInputs, site: Path, visitor: Visitor
) -> None:
    page = visitor(site).open(f"{links.DOCUMENTS}#outcome=wrong&sort=-confidence")
    rows = saved(page)
    assert [row["number"] for row in rows] == page.locator(".row-link").all_inner_texts()
    row, first = row_at(inputs, int(rows[0]["number"]) - 1), rows[0]
    assert first["text"] == " ".join(row.text.split())
    assert (first["id"], first["outcome"], first["length"]) == (row.id, "wrong", str(len(row.tokens)))
    assert first["gold"] != first["predicted"]
    assert float(first["confidence"]) == pytest.approx(max(row.probabilities), abs=1e-4)
    assert float(first["mean"]) == pytest.approx(row.aggregates[0][~row.special].mean(), rel=0.01)
    assert {"margin", "entropy", "special", "group", "maps", "vectors", "evidence"} <= first.keys()
    assert {row["evidence"] for row in saved(visitor(site).open(links.DOCUMENTS))} == {"yes", "no"}


def test_spreadsheets_run_no_text(hostile_site: Path, visitor: Visitor) -> None:
    page = visitor(hostile_site).open(links.DOCUMENTS)
    page.evaluate("attviz.tableRows.get('documents').text[1] = '=1+1'")
    texts = [row["text"] for row in saved(page)]
    assert texts[1] == "'=1+1"
    assert texts[0] == " ".join(HOSTILE_TEXTS[0].split())


def test_texts_that_may_offend_are_not_saved_before_the_reader_asks_for_them(
    sensitive_site: Path, visitor: Visitor
) -> None:
    page = visitor(sensitive_site).open(links.DOCUMENTS)
    page.locator("#csv").click()
    assert "ask for the texts" in page.locator("#documents-note").inner_text()
    page.locator("#consent").check()
    assert len(saved(page)) == 24
