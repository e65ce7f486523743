"""The site as a reader meets it, in Chromium: from the file system, and from a server below a path."""
# ruff: noqa: ANN401 - Playwright is imported late, so that the tests can say that it is missing

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from site_visits import Visitor, accessibility_faults, arrive, row_at, until
from slow_cases import rest_is_slow
from synthetic_site import HOSTILE_LABELS, HOSTILE_TEXTS, site_settings, write_site_inputs

from attviz_pipeline.artifacts import files
from attviz_pipeline.artifacts.term_schemas import DOCUMENT_GROUPS
from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.render_site import write_site

pytestmark = pytest.mark.browser
KINDS = [
    *(page.address for page in links.PAGES),
    links.document(7),
    links.head(1, 1),
    links.class_page(1),
    links.WRONG,
    f"{links.COMPARE}#kind=heads",
    f"{links.COMPARE}#kind=classes",
    f"{links.TOKENS}#token=the",
]


@pytest.mark.parametrize("address", KINDS)
@pytest.mark.parametrize("way", rest_is_slow(["file", "http"]))
def test_every_kind_of_page_opens_without_a_fault(
    way: str, address: str, site: Path, server: str, visitor: Visitor
) -> None:
    page = visitor(site if way == "file" else server).open(address)
    assert page.locator("main h1").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


@pytest.mark.parametrize("width", rest_is_slow([390, 320]))
@pytest.mark.parametrize("address", KINDS)
def test_a_phone_shows_every_page_without_sideways_scrolling(
    address: str, width: int, site: Path, visitor: Visitor
) -> None:
    page = visitor(site, viewport={"width": width, "height": 800}).open(address)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    names = page.locator(".site-header nav [aria-current]")
    for place in (name.bounding_box() for name in names.all()):
        assert place["x"] >= 0
        assert place["x"] + place["width"] <= width


@pytest.mark.parametrize(("width", "n_columns"), [(390, 1), (1440, 2), (1920, 3)])
def test_a_page_uses_the_width_of_the_screen(width: int, n_columns: int, site: Path, visitor: Visitor) -> None:
    page = visitor(site, viewport={"width": width, "height": 900}).open(links.head(1, 1))
    left = "(name) => Math.round(document.querySelector(name).getBoundingClientRect().left)"
    assert page.evaluate(left, ".site-title") == page.evaluate(left, "h1")
    starts = page.evaluate("[...document.querySelectorAll('.columns .view')].map((e) => Math.round(e.offsetLeft))")
    assert len(set(starts)) == n_columns


@pytest.mark.parametrize("address", rest_is_slow(KINDS))
@pytest.mark.parametrize("theme", rest_is_slow(["light", "dark"]))
def test_pages_are_accessible(theme: str, address: str, site: Path, visitor: Visitor) -> None:
    page = visitor(site, color_scheme=theme).open(address)
    assert accessibility_faults(page, iframes=False) == []


def test_what_is_not_accessible_is_found(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(links.ABOUT)
    page.evaluate("document.documentElement.removeAttribute('lang')")
    page.evaluate(
        "document.querySelectorAll('main p').forEach((p) => { p.style.color = p.style.background = '#777'; })"
    )
    found = dict(accessibility_faults(page))
    assert {"html-has-lang", "color-contrast"} <= found.keys()
    assert [markup[:5] for markup in found["html-has-lang"]] == ["<html"]


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
    assert shown == [str(row.position + 1) for row in rows if row.gold == row.predicted == 1]
    assert page.url.endswith("#gold=1&outcome=right")


def test_the_index_is_filtered_by_groups_of_documents(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    groups = files.read_table(inputs.document_groups, DOCUMENT_GROUPS)["group"].to_pylist()
    page = visitor(site).open(links.DOCUMENTS)
    page.locator("#filter-group").select_option("2")
    assert page.locator("#matches").inner_text() == f"{groups.count(1)} of 24"
    first = page.locator(".row-list .c-number").first.inner_text()
    assert groups.index(1) == int(first) - 1
    page.locator("summary", has_text="groups of documents").click()
    page.locator("details a[href='#group=1']").click()
    until(page, "document.getElementById('filter-group').value === '1'")
    assert page.locator("#matches").inner_text() == f"{groups.count(0)} of 24"


def test_without_groups_the_index_offers_none_and_says_so(inputs: SiteInputs, tmp_path: Path, visitor: Visitor) -> None:
    table = files.read_table(inputs.document_groups, DOCUMENT_GROUPS)
    facts = files.read_facts(inputs.document_groups, DOCUMENT_GROUPS)
    columns = table.to_pydict() | {"group": [None] * table.num_rows}
    facts |= {"outcome": "nothing_found", "groups": [], "silhouette": None}
    files.write_table(tmp_path / "none.parquet", DOCUMENT_GROUPS, columns, facts)
    write_site(site_settings(), replace(inputs, document_groups=tmp_path / "none.parquet"), tmp_path / "site")

    page = visitor(tmp_path / "site").open(links.DOCUMENTS)

    assert page.locator("#filter-group").count() == 0
    assert "no groups were found" in page.locator("#groups").inner_text()


def test_sorting_goes_both_ways_and_a_link_restores_it(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.DOCUMENTS}#sort=-confidence&outcome=wrong")
    wrong = [row for row in (row_at(inputs, p) for p in range(24)) if row.gold != row.predicted]
    falling = sorted(wrong, key=lambda row: (-round(max(row.probabilities), 4), row.position))
    links_shown = page.locator("#document-table .row-link")
    assert links_shown.all_inner_texts() == [str(row.position + 1) for row in falling]
    page.get_by_role("button", name="Confidence").click()
    assert links_shown.first.inner_text() == str(falling[-1].position + 1)
    assert page.locator("#filter-outcome").input_value() == "wrong"


def test_ranges_and_scores_narrow_and_sort_the_index(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.DOCUMENTS}#confidence=60-&length=-30")
    rows = [row_at(inputs, position) for position in range(24)]
    kept = [row for row in rows if max(row.probabilities) >= 0.6 and len(row.tokens) <= 30]
    shown = page.locator("#document-table .row-link")
    assert shown.all_inner_texts() == [str(row.position + 1) for row in kept]
    assert page.locator("#confidence-from").input_value() == "60"
    page.locator("#length-to").fill("")
    page.locator("#score").select_option("margin")
    assert page.url.endswith("#confidence=60-&sort=-margin")
    two = {row.position: sorted(row.probabilities)[-2:] for row in rows if max(row.probabilities) >= 0.6}
    falling = sorted(two, key=lambda position: (-round(two[position][1] - two[position][0], 4), position))
    assert shown.all_inner_texts() == [str(position + 1) for position in falling]
    page.locator("#score").select_option("special")
    share = {row.position: float(f"{row.on_special or 0:.3g}") for row in rows if row.position in two}
    by_share = sorted(share, key=lambda position: (-share[position], position))
    assert shown.all_inner_texts() == [str(position + 1) for position in by_share]
    assert page.get_by_role("button", name="On special").is_visible()
    assert page.get_by_role("button", name="Margin").is_hidden()


def test_filters_that_a_link_makes_up_are_ignored(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.DOCUMENTS}#gold=99&predicted=x&outcome=foo&confidence=a-b&length=--")
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
    wrong = [p for p in range(24) if (row := row_at(inputs, p)).gold != row.predicted]
    page.locator("#document-table .row-link").first.click()
    arrive(page, f"**/{links.document(wrong[0])}*")
    page.keyboard.press("j")
    arrive(page, f"**/{links.document(wrong[1])}*")
    assert f"2 of {len(wrong)} in your list" in page.locator(".pager").inner_text()
    page.go_back()
    page.go_back()
    arrive(page, f"**/{links.DOCUMENTS}#*")
    assert page.locator("#filter-outcome").input_value() == "wrong"


def test_paper_holds_the_rows_that_a_screen_scrolls_to(site: Path, visitor: Visitor) -> None:
    page = visitor(site, viewport={"width": 1280, "height": 300}).open(links.DOCUMENTS)
    on_screen = page.locator(".row-list .row").count()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert on_screen < page.locator(".row-list .row").count() == 24
    assert page.get_by_text("are printed").is_hidden()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator(".row-list .row").count() == on_screen


@pytest.fixture(scope="module")
def long_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site whose lists are longer than what of them exists at once."""
    folder = tmp_path_factory.mktemp("long")
    write_site(site_settings(), write_site_inputs(folder, n_documents=60), folder / "site")
    return folder / "site"


@pytest.mark.parametrize(
    ("address", "table"), rest_is_slow([(links.DOCUMENTS, "document-table"), (links.TOKENS, "token-table")])
)
def test_tab_leads_from_row_to_row_and_out_of_the_table(
    address: str, table: str, long_site: Path, visitor: Visitor
) -> None:
    page = visitor(long_site, viewport={"width": 1280, "height": 300}).open(address)
    total = int(page.locator(f"#{table} .row").last.get_attribute("aria-setsize"))
    assert page.locator(f"#{table} .row-list .row").count() < 40 < total
    focused = "document.activeElement"
    page.locator(f"#{table} .row-head button:visible").last.focus()
    walked = []
    while page.evaluate(f"{focused}.closest('#{table}') !== null"):
        page.keyboard.press("Tab")
        page.wait_for_timeout(30)
        walked.append(page.evaluate(f"{focused}.closest('.row-list .row')?.ariaPosInSet"))
    assert [int(row) for row in dict.fromkeys(walked[:-1])] == list(range(1, total + 1))
    assert page.evaluate(f"{focused}.closest('footer') !== null")


def test_a_table_makes_the_rows_of_a_window_and_a_few_more(long_site: Path, visitor: Visitor) -> None:
    page = visitor(long_site, viewport={"width": 1280, "height": 900}).open(links.DOCUMENTS)
    rows = page.locator("#document-table .row-list .row")
    assert rows.count() <= 900 / 44 + 8
    page.evaluate("scrollTo(0, 900)")
    until(page, "document.querySelector('.row-list .row').ariaPosInSet > 1")
    box = rows.last.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] >= 900


def test_the_row_with_the_keyboard_outlives_a_scroll(long_site: Path, visitor: Visitor) -> None:
    page = visitor(long_site, viewport={"width": 1280, "height": 300}).open(links.DOCUMENTS)
    link = page.locator("#document-table .row-link").nth(2)
    link.focus()
    page.evaluate("scrollTo(0, 2000)")
    until(page, "document.querySelector('.row.visually-hidden')")
    assert page.evaluate("document.activeElement.textContent") == "3"
    page.evaluate("scrollTo(0, 0)")
    until(page, "!document.querySelector('.row.visually-hidden')")
    assert page.evaluate("document.activeElement.textContent") == "3"
    shown = page.locator("#document-table .row-link").all_inner_texts()
    assert shown == [str(number + 1) for number in range(len(shown))]


def test_a_table_that_goes_on_says_so(site: Path, visitor: Visitor) -> None:
    page = visitor(site, viewport={"width": 390, "height": 800}).open(links.head(0, 0))
    box = page.locator(".table-scroll").first
    until(page, "document.querySelector('.table-scroll').dataset.more === 'end'")
    box.evaluate("(box) => { box.scrollLeft = 10_000; }")
    until(page, "document.querySelector('.table-scroll').dataset.more === 'start'")
    page.set_viewport_size({"width": 1280, "height": 800})
    until(page, "document.querySelector('.table-scroll').dataset.more === undefined")


def test_tokens_are_searched_and_ranked(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(links.TOKENS)
    assert page.locator("#token-table .row-list .row").count() > 5
    page.locator("#search").fill("##")
    names = page.locator("#token-table .c-token").all_inner_texts()[1:]
    assert names
    assert all(name.startswith("##") for name in names)
    page.locator("#search").fill("nothing like this")
    assert page.locator(".empty").is_visible()


# Manners


def test_the_list_of_keys_fits_a_phone(site: Path, visitor: Visitor) -> None:
    page = visitor(site, viewport={"width": 390, "height": 500}).open(links.START)
    page.keyboard.press("?")
    page.wait_for_selector("#keyboard-help", state="visible")
    panel = page.locator("#keyboard-help")
    assert panel.evaluate("(panel) => [panel.scrollTop, panel.scrollWidth <= panel.clientWidth]") == [0, True]
    assert panel.locator("dd").evaluate_all("(all) => Math.min(...all.map((one) => one.clientWidth))") > 250
    panel.evaluate("(panel) => panel.scrollTo(0, panel.scrollHeight)")
    box = page.locator("#help-close").bounding_box()
    assert box is not None
    assert 0 <= box["y"] < 100
    page.locator("#help-close").click()
    assert panel.is_hidden()


def test_keys_lead_around_and_the_panel_lists_them(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(links.START)
    page.keyboard.press("?")
    page.wait_for_selector("#keyboard-help", state="visible")
    page.keyboard.press("Escape")
    assert page.locator("#keyboard-help").is_hidden()
    page.keyboard.press("g")
    page.keyboard.press("t")
    arrive(page, "**/tokens.html")
    page.goto(page.url.replace("tokens.html", links.head(0, 0)))
    page.keyboard.press("j")
    arrive(page, f"**/{links.head(0, 1)}")
    page.keyboard.press("k")
    arrive(page, f"**/{links.head(0, 0)}")


def test_the_theme_is_switched_and_remembered(site: Path, visitor: Visitor) -> None:
    visit = visitor(site, color_scheme="light")
    page = visit.open(links.document(7))
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("#theme-toggle").click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != light
    assert visit.open(links.HEADS).evaluate("getComputedStyle(document.body).backgroundColor") == dark


def test_sensitive_texts_are_blurred_until_asked_for(sensitive_site: Path, visitor: Visitor) -> None:
    visit = visitor(sensitive_site)
    page = visit.open(links.document(7))
    blur = "getComputedStyle(document.querySelector('#text')).filter"
    assert "blur" in page.evaluate(blur)
    page.locator("#consent").check()
    assert page.evaluate(blur) == "none"
    visit.open(links.document(8))
    assert page.evaluate(blur) == "none"


def test_large_words_are_blurred_as_much_as_small_ones(sensitive_site: Path, visitor: Visitor) -> None:
    page = visitor(sensitive_site).open(links.head(1, 1))
    script = """[...document.querySelectorAll('.word-cloud .token')].map((token) => {
        const style = getComputedStyle(token);
        return [parseFloat(style.fontSize), parseFloat(style.filter.match(/blur\\(([\\d.]+)px/)[1])];
    })"""
    sizes = page.evaluate(script)
    assert max(size for size, _ in sizes) > 2 * min(size for size, _ in sizes)
    assert all(blur > 0.44 * size for size, blur in sizes)
    picture = (
        "parseFloat(getComputedStyle(document.querySelector('.cloud .picture')).filter.match(/blur.([0-9.]+)px/)[1])"
    )
    assert page.evaluate(picture) >= 16


def heard(page: Any) -> str:
    """What assistive technology is given: the names of all that it meets, pieces of words side by side."""
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    met = [node for node in nodes if not node["ignored"] and node["role"]["value"] != "InlineTextBox"]
    return "".join(node["name"]["value"] for node in met if "name" in node)


READ_OUT = [
    links.START,
    links.DOCUMENTS,
    f"{links.document(7)}#t=9",
    links.head(1, 1),
    links.TOKENS,
    f"{links.TOKENS}#token=government",
]


@pytest.mark.parametrize("address", rest_is_slow(READ_OUT))
def test_blurred_words_are_not_read_out_until_asked_for(address: str, sensitive_site: Path, visitor: Visitor) -> None:
    page = visitor(sensitive_site).open(address)
    keyboard = "document.querySelector('#text')?.tabIndex"
    blurred = page.locator(":is(.document-text, .token):visible").all_text_contents()
    own = heard(page)
    words = {word for text in blurred for word in re.findall(r"[^\W\d_]{7,}", text)} - {"against"}
    assert words
    assert not {word for word in words if word in own}
    assert "until then they are hidden from screen readers" in own
    assert page.evaluate(keyboard) in {-1, None}
    assert accessibility_faults(page) == []
    page.locator("#consent").check()
    until(page, "!document.querySelector('[data-heard], [data-stand-in]')")
    own = heard(page)
    assert all(word in own for word in words)
    assert page.evaluate(keyboard) in {0, None}


def test_hidden_occurrences_are_links_all_the_same(sensitive_site: Path, visitor: Visitor) -> None:
    page = visitor(sensitive_site).open(f"{links.TOKENS}#token=government")
    link = page.get_by_role("link", name="hidden word").and_(page.locator(".concordance a")).first
    assert link.evaluate("(link) => link.tabIndex") == 0
    link.press("Enter")
    arrive(page, "**/documents/*.html#t=*")


def test_consent_reaches_screen_readers_where_scripts_of_the_page_are_missing(
    sensitive_site: Path, visitor: Visitor, tmp_path: Path
) -> None:
    copy = shutil.copytree(sensitive_site, tmp_path / "site")
    (copy / links.ASSETS / "page_controls.js").unlink()
    visit = visitor(copy)
    page = visit.open(links.document(7))
    assert page.locator("#text").get_attribute("aria-hidden") == "true"
    page.locator("#consent").check()
    assert page.locator("#text").get_attribute("aria-hidden") is None
    assert any("ERR_FILE_NOT_FOUND" in fault for fault in visit.faults)
    visit.faults.clear()


def test_without_scripts_a_sensitive_page_says_that_its_texts_are_read(sensitive_site: Path, visitor: Visitor) -> None:
    visit = visitor(sensitive_site, java_script_enabled=False)
    visit.page.goto(visit.root + links.document(7))
    assert re.search("<noscript><p[^>]*>Without scripts the texts are only blurred", visit.page.content())
    assert visit.page.get_by_text("hidden from screen readers").is_hidden()


def test_words_of_sensitive_figures_are_not_read_out(site: Path, sensitive_site: Path) -> None:
    plain, withheld = (
        re.findall(' alt="([^"]+)', (folder / links.FIGURES).read_text(encoding="utf-8"))
        for folder in (site, sensitive_site)
    )
    assert [alt.split()[0] for alt in plain] == ["Picture"] * 8
    assert [alt.split()[0] for alt in withheld] == ["Words", "Picture"] + ["Words"] * 6


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


@pytest.mark.parametrize(
    "address", [links.START, links.DOCUMENTS, links.HEADS, links.TOKENS, links.METHODS, links.ABOUT]
)
def test_hostile_names_stay_text_in_lists(address: str, hostile_site: Path, visitor: Visitor) -> None:
    page = visitor(hostile_site).open(address)
    assert page.locator("main img[src='x']").count() == 0
    if address == links.DOCUMENTS:
        assert HOSTILE_LABELS[1] in page.locator("#filter-gold").inner_text()
        page.locator("#search").fill("</script>")
        assert page.locator("mark").first.inner_text() == "</script>"
