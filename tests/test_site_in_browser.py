"""The site as a reader meets it, in Chromium: from the file system, and from a server below a path."""

from pathlib import Path

import pytest
from site_visits import Visitor, row_at
from synthetic_site import HOSTILE_LABELS, HOSTILE_TEXTS, site_settings

from attviz_pipeline.report import SiteInputs, links, render_site

pytestmark = pytest.mark.browser
KINDS = [
    links.START,
    links.DOCUMENTS,
    links.document(7),
    links.HEADS,
    links.head(1, 1),
    links.TOKENS,
    links.FIGURES,
    links.ABOUT,
]


@pytest.mark.parametrize("address", KINDS)
@pytest.mark.parametrize("way", ["file", "http"])
def test_every_kind_of_page_opens_without_a_fault(
    way: str, address: str, site: Path, server: str, visitor: Visitor
) -> None:
    page = visitor(site if way == "file" else server).open(address)
    assert page.locator("main h1").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


@pytest.mark.parametrize("address", KINDS)
def test_a_phone_shows_every_page_without_sideways_scrolling(address: str, site: Path, visitor: Visitor) -> None:
    page = visitor(site, viewport={"width": 390, "height": 800}).open(address)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("address", KINDS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_are_accessible(theme: str, address: str, site: Path, visitor: Visitor) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = visitor(site, color_scheme=theme).open(address)
    violations = axe.Axe().run(page, options={"preload": False}).response["violations"]
    assert [(v["id"], [node["html"][:200] for node in v["nodes"][:3]]) for v in violations] == []


@pytest.mark.parametrize("address", KINDS)
def test_pages_read_without_scripts(address: str, site: Path, visitor: Visitor) -> None:
    visit = visitor(site, java_script_enabled=False)
    visit.page.goto(visit.root + address)
    assert visit.page.locator("main h1").is_visible()
    assert visit.page.locator("#theme-toggle").is_hidden()


def test_without_scripts_documents_can_be_read_and_stepped_through(
    inputs: SiteInputs, site: Path, visitor: Visitor
) -> None:
    visit = visitor(site, java_script_enabled=False)
    visit.page.goto(visit.root + links.DOCUMENTS)
    visit.page.get_by_role("link", name="8", exact=True).click()
    assert row_at(inputs, 7).text in visit.page.locator("#text").inner_text()
    visit.page.get_by_role("link", name="Next").click()
    assert "Document 9 of 24" in visit.page.locator(".pager").inner_text()


# Lists


def test_search_and_filters_narrow_the_index(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(links.DOCUMENTS)
    rows = [row_at(inputs, position) for position in range(24)]
    page.keyboard.press("/")
    page.keyboard.type("technologies")
    expected = [row.position for row in rows if "technologies" in row.text]
    assert expected
    assert page.locator("#document-table .row-list .row").count() == len(expected)
    assert page.locator("mark").first.inner_text() == "technologies"
    page.locator("#search").fill("")
    page.locator("#filter-outcome").select_option("right")
    page.locator("#filter-gold").select_option("1")
    shown = page.locator("#document-table .row-link").all_inner_texts()
    assert shown == [str(row.position + 1) for row in rows if row.label == row.prediction == 1]
    assert page.url.endswith("#gold=1&outcome=right")


def test_sorting_goes_both_ways_and_a_link_restores_it(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.DOCUMENTS}#sort=-confidence&outcome=wrong")
    wrong = [row for row in (row_at(inputs, p) for p in range(24)) if row.label != row.prediction]
    falling = sorted(wrong, key=lambda row: (-round(max(row.probabilities), 4), row.position))
    links_shown = page.locator("#document-table .row-link")
    assert links_shown.all_inner_texts() == [str(row.position + 1) for row in falling]
    page.get_by_role("button", name="Confidence").click()
    assert links_shown.first.inner_text() == str(falling[-1].position + 1)
    assert page.locator("#filter-outcome").input_value() == "wrong"


def test_filters_that_a_link_makes_up_are_ignored(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.DOCUMENTS}#gold=99&predicted=x&outcome=foo")
    assert page.locator("#matches").inner_text() == "all 24"
    assert [page.locator(f"#filter-{name}").input_value() for name in ("gold", "predicted", "outcome")] == ["", "", ""]


def test_a_search_heeds_neither_case_nor_accents_nor_quotes(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(links.DOCUMENTS)
    page.locator("#search").fill('"Téchnologies"')
    assert page.locator("mark").first.inner_text() == "technologies"


def test_documents_are_stepped_through_in_the_readers_own_list(
    inputs: SiteInputs, site: Path, visitor: Visitor
) -> None:
    page = visitor(site).open(f"{links.DOCUMENTS}#outcome=wrong")
    wrong = [p for p in range(24) if (row := row_at(inputs, p)).label != row.prediction]
    page.locator("#document-table .row-link").first.click()
    page.wait_for_selector("html[data-ready]", state="attached")
    page.keyboard.press("j")
    page.wait_for_url(f"**/{links.document(wrong[1])}")
    assert f"2 of {len(wrong)} in your list" in page.locator(".pager").inner_text()
    page.go_back()
    page.go_back()
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.locator("#filter-outcome").input_value() == "wrong"


def test_tokens_are_searched_and_ranked(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(links.TOKENS)
    assert page.locator("#token-table .row-list .row").count() > 5
    page.locator("#search").fill("##")
    names = page.locator("#token-table .c-token").all_inner_texts()[1:]
    assert names
    assert all(name.startswith("##") for name in names)
    page.locator("#search").fill("nothing like this")
    assert page.locator(".empty").is_visible()


def test_the_grid_of_heads_shows_another_moment(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(links.HEADS)
    before = page.locator("#head-table a").first.inner_text()
    page.get_by_label("maximum").check()
    assert page.locator("#head-table a").first.inner_text() != before
    assert page.url.endswith("#moment=max")


# Manners


def test_keys_lead_around_and_the_panel_lists_them(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(links.START)
    page.keyboard.press("?")
    assert page.locator("#keyboard-help").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("#keyboard-help").is_hidden()
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_url("**/tokens.html")
    page.goto(page.url.replace("tokens.html", links.head(0, 0)))
    page.keyboard.press("j")
    page.wait_for_url(f"**/{links.head(0, 1)}")
    page.keyboard.press("k")
    page.wait_for_url(f"**/{links.head(0, 0)}")


def test_the_theme_is_switched_and_remembered(site: Path, visitor: Visitor) -> None:
    visit = visitor(site, color_scheme="light")
    page = visit.open(links.document(7))
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("#theme-toggle").click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != light
    assert visit.open(links.HEADS).evaluate("getComputedStyle(document.body).backgroundColor") == dark


def test_sensitive_texts_are_blurred_until_asked_for(inputs: SiteInputs, tmp_path: Path, visitor: Visitor) -> None:
    render_site(site_settings(sensitive=True), inputs, tmp_path / "site")
    visit = visitor(tmp_path / "site")
    page = visit.open(links.document(7))
    blur = "getComputedStyle(document.querySelector('#text')).filter"
    assert "blur" in page.evaluate(blur)
    page.locator("#consent").check()
    assert page.evaluate(blur) == "none"
    visit.open(links.document(8))
    assert page.evaluate(blur) == "none"


# Hostile input


@pytest.mark.parametrize("position", range(len(HOSTILE_TEXTS)))
def test_hostile_texts_stay_text(
    position: int, hostile_inputs: SiteInputs, hostile_site: Path, visitor: Visitor
) -> None:
    row = row_at(hostile_inputs, position)
    page = visitor(hostile_site).open(links.document(position))
    assert page.evaluate("document.querySelector('#text').textContent") == row.text
    spans = page.locator("#text .tk").evaluate_all("spans => spans.map((span) => span.textContent)")
    assert spans == [row.text[start:end] for start, end in zip(row.starts, row.ends, strict=True)]
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


@pytest.mark.parametrize("address", [links.START, links.DOCUMENTS, links.HEADS, links.TOKENS, links.ABOUT])
def test_hostile_names_stay_text_in_lists(address: str, hostile_site: Path, visitor: Visitor) -> None:
    page = visitor(hostile_site).open(address)
    assert page.locator("main img[src='x']").count() == 0
    if address == links.DOCUMENTS:
        assert HOSTILE_LABELS[1] in page.locator("#filter-gold").inner_text()
        page.locator("#search").fill("</script>")
        assert page.locator("mark").first.inner_text() == "</script>"
