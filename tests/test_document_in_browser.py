"""The page of a document in Chromium: one cursor for all views, and a state that lives in the address."""

import shutil
from pathlib import Path

import pytest
from site_visits import Visitor, row_at, until

from attviz_pipeline.report import SiteInputs, links

pytestmark = pytest.mark.browser


def test_pointing_at_a_token_marks_it_everywhere(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    row = row_at(inputs, 7)
    page = visitor(site).open(links.document(7))
    page.locator("#text .tk[data-token='20']").hover()
    until(page, "document.querySelector('#inspector-place').textContent.startsWith('token 20')")
    word = row.text[row.starts[20] : row.ends[20]]
    assert page.locator("#inspector-text").inner_text() == word
    assert page.locator("#text .tk.at").inner_text() == word
    assert f"{row.aggregates[0][20]:.3g}"[:5] in page.locator("#inspector-values").inner_text()
    assert word in page.locator("#head-grid-subject").inner_text()
    mark, line = page.locator(".line-cursor").bounding_box(), page.locator("#sequence").bounding_box()
    assert mark["width"] > 5
    assert line["y"] <= mark["y"] + 2


@pytest.mark.parametrize("view", ["series", "overview"])
def test_pointing_at_a_plot_marks_the_token_in_the_text(
    view: str, inputs: SiteInputs, site: Path, visitor: Visitor
) -> None:
    row = row_at(inputs, 7)
    page = visitor(site).open(links.document(7))
    place = page.locator(f"#{view}")
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    step = (box["width"] - 70) / len(row.tokens)
    place.hover(position={"x": 60 + 30.5 * step, "y": 40})
    page.wait_for_selector("#text .tk.at")
    assert page.locator("#text .tk.at").get_attribute("data-token") == "30"


def test_pointing_at_the_sequence_names_token_and_head(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    row = row_at(inputs, 7)
    page = visitor(site).open(f"{links.document(7)}#h=1.2,0.1")
    line = page.locator(".token-line").first
    line.scroll_into_view_if_needed()
    page.wait_for_selector(".token-line canvas")
    line.hover(position={"x": 68, "y": line.bounding_box()["height"] - 4})
    page.wait_for_selector("#text .tk.at")
    assert page.locator("#text .tk.at").get_attribute("data-token") == "0"
    assert page.locator("#inspector-values dt").last.inner_text() == "L0·H1"
    shown = page.locator("#inspector-values dd").last.inner_text()
    exact = row.self_attention[1, 0]
    assert float(shown.removeprefix("≈ ")) == pytest.approx(exact, rel=0.08)


def test_a_held_token_and_pinned_heads_are_in_the_address_and_come_back(site: Path, visitor: Visitor) -> None:
    visit = visitor(site)
    page = visit.open(links.document(7))
    page.locator("#text .tk[data-token='11']").click()
    page.get_by_role("button", name="Layer 0, head 2").click()
    page.locator("#measure").select_option("entropy")
    page.locator("input[name=scale][value=linear]").check()
    until(page, "location.hash.includes('t=11')")
    address = page.url
    assert "m=entropy" in address
    assert "scale=linear" in address
    other = visitor(site)
    other.page.goto(address)
    other.page.wait_for_selector("#text .tk.held")
    assert other.page.locator("#text .tk.held").get_attribute("data-token") == "11"
    assert other.page.get_by_role("button", name="Layer 0, head 2").get_attribute("aria-pressed") == "true"
    assert other.page.locator("#measure").input_value() == "entropy"
    other.page.keyboard.press("Escape")
    until(other.page, "!document.querySelector('.tk.at')")
    assert "t=11" not in other.page.url


def test_nonsense_in_the_address_does_no_harm(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f'{links.document(7)}#t=9999&h=99.99,x&m=<b>&scale=cubic&rows="&colour=1&z=9-3&zzz=1')
    assert page.locator("#measure").input_value() == "mean"
    assert page.locator(".tk.at").count() == 0


def test_dragging_zooms_both_plots_and_a_button_undoes_it(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    row = row_at(inputs, 7)
    page = visitor(site).open(links.document(7))
    series = page.locator("#series")
    series.scroll_into_view_if_needed()
    box = series.bounding_box()
    step = (box["width"] - 70) / len(row.tokens)
    page.mouse.move(box["x"] + 60 + 40.5 * step, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 60 + 55 * step, box["y"] + 60)
    page.mouse.move(box["x"] + 60 + 59.5 * step, box["y"] + 60)
    page.mouse.up()
    until(page, "location.hash.includes('z=40-59')")
    page.locator("#overview").hover(position={"x": 60 + 5.5 * (box["width"] - 70) / 20, "y": 20})
    until(page, "document.querySelector('.tk.at')?.dataset.token === '45'")
    page.locator("#unzoom").click()
    assert "z=" not in page.url
    assert page.locator("#unzoom").is_hidden()


def test_every_token_is_listed_when_asked_for(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    row = row_at(inputs, 7)
    page = visitor(site).open(links.document(7))
    page.get_by_text("Every token as a table").click()
    page.wait_for_selector("#token-list tbody tr")
    rows = page.locator("#token-list tbody tr")
    assert rows.count() == len(row.tokens)
    assert rows.nth(1).locator("th").inner_text() == row.text[row.starts[1] : row.ends[1]]


@pytest.mark.parametrize("rows", ["layers", "heads", "aggregates"])
def test_every_choice_of_rows_is_drawn(rows: str, site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.document(7)}#rows={rows}&colour=value&special=1")
    page.locator("#sequence").scroll_into_view_if_needed()
    page.wait_for_selector(".token-line canvas")
    colours = page.evaluate(
        """() => { const c = document.querySelector('.token-line canvas');
        const pixels = c.getContext('2d').getImageData(0, 20, c.width, c.height - 20).data;
        return new Set(new Uint32Array(pixels.buffer)).size; }"""
    )
    assert colours > 10


def test_arrow_keys_step_from_token_to_token(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(links.document(7))
    page.locator("#series").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.wait_for_selector("#text .tk.held[data-token='2']")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("#text .tk.held[data-token='1']")


def test_head_grid_is_one_stop_for_the_keyboard(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(links.document(7))
    page.get_by_role("button", name="Layer 0, head 0").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Layer 1, head 1"
    assert page.locator(".head-buttons [tabindex='0']").count() == 1


def test_windows_are_marked_in_the_text(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(links.document(7))
    assert page.locator(".window-break").count() == len(row_at(inputs, 7).windows) - 1 > 0


def test_printing_draws_every_line(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(links.document(7))
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.wait_for_timeout(200)
    assert page.locator(".token-line canvas").count() == page.locator(".token-line").count() > 1


def test_printing_in_the_dark_draws_for_paper(site: Path, visitor: Visitor) -> None:
    page = visitor(site, color_scheme="dark").open(links.document(7))
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(ground) != dark
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(ground) == dark


def test_a_damaged_payload_is_reported_and_the_text_stays(
    inputs: SiteInputs, site: Path, tmp_path: Path, visitor: Visitor
) -> None:
    shutil.copytree(site, tmp_path / "site")
    path = tmp_path / "site" / links.document(7)
    path.write_text(path.read_text(encoding="utf-8").replace('"u8log6"', '"u4log9"'), encoding="utf-8")
    page = visitor(tmp_path / "site").open(links.document(7))
    assert "unknown encoding u4log9" in page.get_by_role("alert").inner_text()
    assert row_at(inputs, 7).text in page.locator("#text").inner_text()
    assert page.locator("#series").is_hidden()


def test_loading_shifts_nothing_in_sight(site: Path, visitor: Visitor) -> None:
    visit = visitor(site)
    visit.page.add_init_script(
        """globalThis.shift = 0; new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) globalThis.shift += entry.value; })
        .observe({ type: 'layout-shift', buffered: true });"""
    )
    page = visit.open(links.document(7))
    page.wait_for_timeout(300)
    assert page.evaluate("shift") < 0.02


def test_the_table_of_every_token_says_that_it_is_approximate(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(links.document(7))
    page.locator("#token-list summary").click()
    page.wait_for_selector("#token-list table")
    assert "packed values" in page.locator("#token-list").inner_text()


def test_the_next_document_keeps_the_pinned_heads(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.document(7)}#h=1.2,0.1")
    page.keyboard.press("j")
    page.wait_for_url(f"**/{links.document(8)}#h=1.2,0.1")
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.locator("#pins a").all_inner_texts() == ["L1·H2", "L0·H1"]
