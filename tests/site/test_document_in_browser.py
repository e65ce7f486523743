"""The page of a document in Chromium: one cursor for all views, and a state that lives in the address."""
# ruff: noqa: ANN401 - Playwright is imported late, so that the tests can say that it is missing

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from site_visits import Visitor, accessibility_faults, arrive, row_at, until
from slow_cases import rest_is_slow

from attviz_pipeline.aggregates import AGGREGATES
from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs

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
    page.locator("#head-grid").get_by_role("button", name="Layer 0, head 2").click()
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
    assert (
        other.page.locator("#head-grid").get_by_role("button", name="Layer 0, head 2").get_attribute("aria-pressed")
        == "true"
    )
    assert other.page.locator("#measure").input_value() == "entropy"
    other.page.keyboard.press("Escape")
    until(other.page, "!document.querySelector('.tk.at')")
    assert "t=11" not in other.page.url


def test_nonsense_in_the_address_does_no_harm(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f'{links.document(7)}#t=9999&h=99.99,x&m=<b>&scale=cubic&rows="&colour=1&z=9-3&zzz=1')
    assert page.locator("#measure").input_value() == "mean"
    assert page.locator(".tk.at").count() == 0


@pytest.mark.parametrize("words", ["", "max"])
@pytest.mark.parametrize("name", rest_is_slow(["constructor", "toString", "__proto__"]))
def test_names_that_every_object_has_are_nonsense_too(name: str, words: str, site: Path, visitor: Visitor) -> None:
    keys = ("m", "norm", "rows", "scale", "h", "map", "mapview", "texts", "words", name)
    state = "&".join(f"{key}={words if words and key == 'words' else name}" for key in keys)
    page = visitor(site).open(f"{links.document(7)}#{state}")
    page.locator("#sequence").scroll_into_view_if_needed()
    page.wait_for_selector(".token-line canvas")
    assert page.get_by_role("alert").count() == 0
    assert [page.locator(f"#{field}").input_value() for field in ("measure", "norm", "rows")] == [
        *("mean", "relative", "layers")
    ]


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


def test_keys_zoom_about_the_held_token(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    n_tokens = len(row_at(inputs, 7).tokens)
    page = visitor(site).open(f"{links.document(7)}#t=3&z=0-15")
    page.keyboard.press("+")
    until(page, "location.hash.includes('z=0-7')")
    page.keyboard.press("+")
    until(page, "location.hash.includes('z=2-5')")
    page.keyboard.press("-")
    until(page, "location.hash.includes('z=0-7')")
    page.keyboard.press("0")
    until(page, "!location.hash.includes('z=')")
    page.keyboard.press("Escape")
    page.keyboard.press("+")
    half = -(-n_tokens // 2)
    start = round(n_tokens / 2 - half / 2)
    until(page, f"/z=({start}|{start + 1})-/.test(location.hash)")
    page.keyboard.press("?")
    assert "Fewer and more tokens" in page.locator("#keyboard-help").inner_text()


def test_every_token_is_listed_when_asked_for(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    row = row_at(inputs, 7)
    page = visitor(site).open(links.document(7))
    page.get_by_text("Every token as a table", exact=True).click()
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
    page.locator("#head-grid").get_by_role("button", name="Layer 0, head 0").focus()
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
    path = tmp_path / "site" / links.FULL_SHARED
    path.write_text(path.read_text(encoding="utf-8").replace('"u8log6"', '"u4log9"'), encoding="utf-8")
    page = visitor(tmp_path / "site").open(links.document(7))
    assert "unknown encoding u4log9" in page.get_by_role("alert").inner_text()
    assert row_at(inputs, 7).text in page.locator("#text").inner_text()
    assert page.locator("#series").is_hidden()


@pytest.mark.parametrize("width", [1440, 768, 390])
def test_loading_shifts_nothing_in_sight(width: int, site: Path, visitor: Visitor) -> None:
    visit = visitor(site, viewport={"width": width, "height": 900})
    visit.page.add_init_script(
        """globalThis.shift = 0; new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) globalThis.shift += entry.value; })
        .observe({ type: 'layout-shift', buffered: true });"""
    )
    page = visit.open(links.document(7))
    page.wait_for_timeout(300)
    assert page.evaluate("shift") < 0.01


def test_places_for_shared_markup_are_filled_while_the_page_is_read(site: Path, visitor: Visitor) -> None:
    visit = visitor(site)
    visit.page.add_init_script(
        """globalThis.left = []; const count = (what) => left.push(document.querySelectorAll(what).length);
        document.addEventListener('readystatechange', () => { count('page-part'); count('.site-header nav a'); });"""
    )
    page = visit.open(links.document(7))
    n_links = len([one for one in links.PAGES if one.in_navigation])
    assert page.evaluate("left") == [0, n_links, 0, n_links]


def test_pins_are_repainted_on_pictures_that_are_kept(site: Path, visitor: Visitor) -> None:
    """What was kept while heads were pinned and unpinned is what is drawn when a page opens."""
    changed = visitor(site).open(f"{links.document(7)}#h=1.2")
    changed.locator("#head-grid").get_by_role("button", name="Layer 0, head 1").click()
    changed.get_by_role("button", name="Unpin L1\u00b7H2").click()
    changed.locator("#norm").select_option("rank")
    changed.locator("#norm").select_option("relative")
    until(changed, "location.hash.startsWith('#h=0.1')")
    changed.mouse.move(0, 0)
    opened = visitor(site).open(f"{links.document(7)}{changed.evaluate('location.hash')}")
    for view in ("series", "overview", "head-grid"):
        assert pixels(changed, f"#{view} canvas") == pixels(opened, f"#{view} canvas"), view
    assert changed.locator("#pins").inner_html() == opened.locator("#pins").inner_html()


def test_the_table_of_every_token_says_that_it_is_approximate(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(links.document(7))
    page.locator("#token-list summary").press("Enter")
    page.wait_for_selector("#token-list table")
    assert "packed values" in page.locator("#token-list").inner_text()


def test_the_next_document_keeps_the_pinned_heads(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.document(7)}#h=1.2,0.1")
    page.keyboard.press("j")
    arrive(page, f"**/{links.document(8)}#h=1.2,0.1")
    assert page.locator("#pins a").all_inner_texts() == ["L1·H2", "L0·H1"]


def test_moving_over_the_heat_map_says_head_and_value(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    row = row_at(inputs, 7)
    page = visitor(site).open(links.document(7))
    page.locator("#overview").focus()
    page.keyboard.press("ArrowDown")
    until(page, "document.querySelector('#inspector-spoken').textContent.startsWith('L0·H0 mean ≈ ')")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    until(page, "document.querySelector('#inspector-spoken').textContent.includes('L0·H1')")
    word, place, mean, head = page.locator("#inspector-spoken").inner_text().split(", ")
    assert (word, place) == (row.text[row.starts[1] : row.ends[1]], "token 1")
    assert float(mean.removeprefix("mean ")) == pytest.approx(row.aggregates[0][1], rel=0.01)
    assert float(head.removeprefix("L0·H1 ≈ ")) == pytest.approx(row.self_attention[1, 1], rel=0.08)


def test_the_sequence_is_a_picture_with_a_name(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.document(7)}#rows=layers&h=1.2~~~mine")
    assert page.get_by_role("img", name="Rows of values under the tokens: L0, L1, mine").count() == 1
    described = page.locator("#sequence").get_attribute("aria-describedby")
    assert "table" in page.locator(f"#{described}").inner_text()


def test_pinned_rows_take_their_own_colours_when_asked(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.document(7)}#h=1.2~ff0000,range~00ff00&rows=pins")
    page.locator("#sequence").scroll_into_view_if_needed()
    page.wait_for_selector(".token-line canvas")
    reds = """() => { const { width } = document.querySelector('.token-line canvas');
        const context = new OffscreenCanvas(width, 40).getContext('2d');
        context.drawImage(document.querySelector('.token-line canvas'), 0, 0);
        const { data } = context.getImageData(61, 26, width - 61, 9);
        const kinds = new Set();
        for (let i = 0; i < data.length; i += 4) if (data[i + 3]) kinds.add(`${data[i] > 200 && !data[i + 2]}`);
        return [...kinds]; }"""
    assert page.evaluate(reds) == ["false"]
    page.locator("#tint").check()
    until(page, "location.hash.includes('tint=1')")
    assert page.evaluate(reds) == ["true"]
    assert page.locator("#legend-text").inner_text() in page.locator("#tint-key").inner_text()
    page.locator("#tint").uncheck()
    assert "tint" not in page.url


def test_switches_say_what_they_do(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.document(7)}#special=1")
    special, punctuation = page.locator("#special"), page.locator("#punctuation-does")
    for norm, absolute, scale in (
        ("relative", False, True),
        ("median", False, False),
        ("rank", False, True),
        ("value", True, False),
        ("length", True, False),
    ):
        page.locator("#norm").select_option(norm)
        assert special.is_enabled() == absolute
        assert special.is_checked() != absolute
        assert ("always" in page.locator("#special-does").inner_text()) != absolute
        assert ("and scale" in punctuation.inner_text()) == scale


@pytest.mark.parametrize("width", [1280, 390])
def test_numbers_stand_under_the_tokens_when_asked(
    width: int, inputs: SiteInputs, site: Path, visitor: Visitor
) -> None:
    row = row_at(inputs, 7)
    page = visitor(site, viewport={"width": width, "height": 900}).open(f"{links.document(7)}#m=max")
    assert page.locator("#text [data-score]").count() == 0
    page.locator("#scores").check()
    until(page, "location.hash.includes('scores=1')")
    page.emulate_media(media="print")
    scores = page.locator("#text .tk").evaluate_all("(all) => all.map(({ dataset }) => Number(dataset.score))")
    np.testing.assert_allclose(scores, row.aggregates[3], rtol=0.06)
    under = "(token) => [getComputedStyle(token, '::after').content, getComputedStyle(token, '::after').fontSize]"
    shown, size = page.locator("#text .tk").nth(20).evaluate(under)
    assert float(shown.strip('"')) == scores[20]
    assert float(size.removesuffix("px")) >= 11
    assert page.evaluate("document.querySelector('#text').textContent") == row.text
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_next_document_shows_the_same_of_itself(site: Path, visitor: Visitor) -> None:
    state = "m=entropy&norm=rank&normed=1&punct=0&rows=heads&scale=linear&special=1&words=max"
    page = visitor(site).open(f"{links.document(7)}#{state}&t=3&z=2-9&h=1.2")
    page.get_by_role("button", name="Change L1\u00b7H2").click()
    page.get_by_role("textbox", name="Name of L1\u00b7H2").fill("a, b 100% ~x")
    page.keyboard.press("Tab")
    until(page, "location.hash.includes('~~~')")
    page.get_by_role("link", name="Next").click()
    arrive(page, f"**/{links.document(8)}#*")
    assert page.locator("#pins a").all_inner_texts() == ["a, b 100% ~x"]
    assert page.url.split("&", 1)[1] == state
    assert page.locator("#rows").input_value() == "heads"


def test_no_pins_stay_no_pins(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(links.document(7))
    assert page.locator("#pins li").count() == 3
    for _ in range(3):
        page.get_by_role("button", name="Unpin").first.click()
    assert page.url.endswith("#h=")
    page.reload()
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.locator("#pins li").count() == 0
    page.get_by_role("link", name="Next").click()
    arrive(page, f"**/{links.document(8)}#h=")


# Manners


@pytest.mark.slow
@pytest.mark.parametrize("theme", rest_is_slow(["light", "dark"]))
@pytest.mark.parametrize("width", rest_is_slow([1280, 390]))
def test_the_page_is_accessible_with_everything_open(width: int, theme: str, site: Path, visitor: Visitor) -> None:
    visit = visitor(site, color_scheme=theme, viewport={"width": width, "height": 900})
    page = visit.open(
        f"{links.document(7)}#h=1.2~~ub,range&map=0.1&mapheads=layer&t=12&rows=varied&norm=rank&normed=1&tint=1&scores=1"
    )
    until(page, "document.querySelector('#token-maps').dataset.drawn === ''")
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    page.get_by_role("button", name="Change L1\u00b7H2").click()
    page.wait_for_selector("#token-list tbody tr")
    page.wait_for_selector("#head-list tbody tr")
    assert accessibility_faults(page) == []


def test_every_head_is_listed_when_asked_for(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    row = row_at(inputs, 7)
    page = visitor(site).open(links.document(7))
    page.get_by_text("Every head as a table").click()
    page.wait_for_selector("#head-list tbody tr")
    cells = page.locator("#head-list tbody tr").nth(4).locator("td").all_inner_texts()
    ordinary = row.self_attention[4][~row.special]
    assert float(cells[0]) == pytest.approx(ordinary.mean(), rel=0.05)
    assert float(cells[1]) == pytest.approx(ordinary.std(), rel=0.05)
    assert float(cells[3]) == pytest.approx(ordinary.max(), rel=0.06)


def test_at_twice_the_size_nothing_needs_sideways_scrolling(site: Path, visitor: Visitor) -> None:
    page = visitor(site, viewport={"width": 640, "height": 450}, device_scale_factor=2).open(links.document(7))
    assert page.evaluate("document.documentElement.scrollWidth") <= 640


def test_paper_has_pictures_and_no_controls(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(links.document(7))
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.locator("#series canvas").first.is_visible()
    assert page.locator("#sequence canvas").count() == page.locator(".token-line").count()
    for control in ("#measure", "#norm", "#rows", "#exports", ".side"):
        assert page.locator(control).is_hidden(), control


def test_links_within_the_page_leave_its_state_alone(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.document(7)}#h=1.2&t=9")
    page.get_by_role("link", name="every token as a table").click()
    page.wait_for_selector("#token-list tbody tr")
    assert page.url.endswith("#h=1.2&t=9")
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    assert page.url.endswith("#h=1.2&t=9")


# Pinned rows


def pixels(page: Any, selector: str) -> str:
    """What the canvases of a view show, as texts of pictures; what lies above them is the cursor's."""
    canvases = f"[...document.querySelectorAll('{selector}')].slice(0, {2 if 'series' in selector else 1})"
    return str(page.evaluate(f"{canvases}.map((canvas) => canvas.toDataURL())"))


def test_what_the_reader_makes_of_a_pin_is_in_the_link(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.document(7)}#h=1.2,0.1")
    page.get_by_role("button", name="Change L1·H2").click()
    page.get_by_role("textbox", name="Name of L1·H2").fill("looks, at ~ me")
    page.keyboard.press("Tab")
    page.locator("#pins").get_by_label("underline").check()
    page.get_by_label("Colour of looks, at ~ me").fill("#ff0000")
    page.get_by_role("button", name="Change L0·H1").click()
    page.locator("#pins").get_by_label("hide").check()
    page.locator("#add-row").select_option("range")
    until(page, "location.hash.includes('range')")
    other = visitor(site)
    other.page.goto(page.url)
    other.page.wait_for_selector("html[data-ready]", state="attached")
    assert other.page.locator("#pins li > :nth-child(2)").all_inner_texts() == [
        "looks, at ~ me",
        "L0·H1",
        "max \u2212 min",
    ]
    assert other.page.locator("#pins li").nth(1).get_attribute("class") == "hidden-pin"
    assert other.page.get_by_label("Colour of looks, at ~ me").input_value() == "#ff0000"
    underlined = "[...document.querySelectorAll('#text .tk')].filter((token) => token.style.boxShadow.includes('2px'))"
    assert other.page.evaluate(f"{underlined}.length") > 10
    other.page.get_by_role("button", name="Unpin looks, at ~ me").click()
    assert other.page.evaluate(f"{underlined}.length") == 0
    other.page.get_by_role("button", name="Unpin L0·H1").press("Enter")
    assert other.page.url.endswith("#h=range")


def values_of_pins(page: Any) -> list[str]:
    return list(page.locator("#pins .pin-value").all_inner_texts())


def test_a_ninth_pin_says_which_made_room_and_brings_it_back(site: Path, visitor: Visitor) -> None:
    eight = "0.0~112233~u~mine,0.1,0.2,1.0,1.1,1.2,mean,entropy"
    page = visitor(site).open(f"{links.document(7)}#h={eight}")
    note = page.get_by_role("status").and_(page.locator(".pin-note"))
    colours = "[...document.querySelectorAll('#pins [type=color]')].map(({ value }) => value)"
    before = page.evaluate(colours)
    assert note.inner_text() == ""
    page.locator("#add-row").select_option("std")
    until(page, "location.hash.includes('std')")
    assert note.is_visible()
    assert "left out: mine." in note.inner_text()
    assert page.evaluate(colours)[:7] == before[1:]
    assert len(set(page.evaluate(colours))) == 8
    note.get_by_role("button", name="Undo").click()
    until(page, "!location.hash.includes('std')")
    assert page.evaluate(colours) == before
    assert page.locator("#pins li > :nth-child(2)").first.inner_text() == "mine"
    assert note.inner_text() == ""


def test_an_address_with_more_pins_than_there_is_room_for_says_so(site: Path, visitor: Visitor) -> None:
    rows = ["0.0", "0.1", "0.2", "1.0", "1.1", "1.2", "mean", "entropy", "std", "max", "min", "range"]
    page = visitor(site).open(f"{links.document(7)}#h={','.join(rows)}")
    until(page, "document.querySelector('.pin-note')?.textContent.includes('left out: ')")
    n_pins = page.evaluate("attviz.palette.PINS.length")
    left_out = ", ".join(row.replace("range", "max \u2212 min") for row in rows[n_pins:])
    assert page.locator("#pins li").count() == n_pins
    assert f"left out: {left_out}." in page.locator(".pin-note").inner_text()


def test_a_pin_that_goes_leaves_the_others_their_colours(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.document(7)}#h=1.2,0.1,mean")
    colour = page.get_by_label("Colour of L0·H1").input_value()
    page.get_by_role("button", name="Unpin L1·H2").click()
    until(page, "document.querySelectorAll('#pins li').length === 2")
    assert page.get_by_label("Colour of L0·H1").input_value() == colour
    page.reload()
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.get_by_label("Colour of L0·H1").input_value() == colour


def test_a_row_keeps_its_value_while_its_menu_opens(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.document(7)}#h=1.2,0.1,mean&t=20")
    until(page, "[...document.querySelectorAll('.pin-value')].every(({ textContent }) => textContent)")
    before = values_of_pins(page)
    assert len(before) == 3
    page.get_by_role("button", name="Change L1·H2").click()
    page.wait_for_selector(".pin-editor")
    assert values_of_pins(page) == before
    page.get_by_role("button", name="Change L1·H2").click()
    page.wait_for_selector(".pin-editor", state="detached")
    assert values_of_pins(page) == before


SHOWN = """(token) => {
  const { doc, cursor } = attviz.shownDocument.get();
  const row = doc.extremes().highest[token];
  cursor.hold(token, row);
  return row;
}"""


@pytest.mark.slow
@pytest.mark.parametrize("words", ["", "mean"])
def test_a_value_is_written_alike_wherever_it_stands(words: str, site: Path, visitor: Visitor) -> None:
    pins = ",".join(f"{layer}.{head}" for layer in range(2) for head in range(3))
    page = visitor(site).open(f"{links.document(7)}#h={pins},max,mean&m=max&scores=1&words={words}")
    page.get_by_text("Every token as a table", exact=True).click()
    page.wait_for_selector("#token-list tbody tr")
    until(page, "Boolean(document.querySelector('#text [data-score]'))")
    listed = page.locator("#token-list tbody tr").evaluate_all("(rows) => rows.map((row) => row.cells[6].textContent)")
    for token in range(1, 30):
        row = page.evaluate(SHOWN, token)
        until(page, f"document.querySelector('#inspector-place').textContent.startsWith('token {token}')")
        values = page.locator("#inspector-values dd").all_inner_texts()
        names = page.locator("#inspector-values dt").all_inner_texts()
        greatest, head = values[names.index("max")].split(" · ", 1)[0], values[-1]
        pinned = values_of_pins(page)
        under = page.locator("#text .tk").nth(token).get_attribute("data-score")
        assert {head, pinned[row], pinned[6], listed[token]} == {greatest}, (token, values)
        assert under == greatest.removeprefix("≈ ")
        assert pinned[7] == values[names.index("mean")]


def test_the_keyboard_stays_on_the_control_that_it_used(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.document(7)}#h=1.2")
    page.get_by_role("button", name="Change L1·H2").press("Enter")
    page.locator("#pins").get_by_label("highlight").press("Space")
    until(page, "location.hash.includes('~b')")
    assert page.evaluate("document.activeElement.dataset.control") == "1.2 highlight"


def test_heads_are_pinned_on_a_phone(site: Path, visitor: Visitor) -> None:
    page = visitor(site, viewport={"width": 390, "height": 844}).open(f"{links.document(7)}#h=1.2")
    assert page.locator("#pins").is_hidden()
    page.locator("#head-chooser summary").click()
    page.locator("#head-grid").get_by_role("button", name="Layer 0, head 1").click()
    assert page.locator("#pins li").count() == 2
    page.get_by_role("button", name="Unpin L1·H2").click()
    assert page.url.endswith("#h=0.1~d55e00")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("rows", ["pins", "varied", "L1", "H2", "nonsense"])
def test_rows_of_the_sequence_are_chosen(rows: str, site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.document(7)}#h=1.2,entropy&rows={rows}")
    heights = {"pins": 20 + 5 + 11 + 5 + 22, "varied": 6 * 10, "L1": 3 * 10, "H2": 2 * 10, "nonsense": 2 * 10}
    expected = heights["pins"] + (0 if rows == "pins" else heights[rows])
    assert page.locator(".token-line").first.evaluate("(line) => line.clientHeight") == expected
    assert page.locator("#rows").input_value() == ("layers" if rows == "nonsense" else rows)


@pytest.mark.parametrize(
    ("norm", "words"),
    [("median", "median in the dataset"), ("length", "even attention"), ("rank", "rank within"), ("value", "")],
)
def test_every_normalisation_colours_anew_and_says_what_it_is(
    norm: str, words: str, site: Path, visitor: Visitor
) -> None:
    page = visitor(site).open(links.document(7))
    heat, dots = pixels(page, "#overview canvas"), pixels(page, "#series canvas")
    page.locator("#norm").select_option(norm)
    until(page, f"location.hash.includes('norm={norm}')")
    assert pixels(page, "#overview canvas") != heat
    assert words in page.locator("#legend-text").inner_text()
    assert pixels(page, "#series canvas") == dots
    if norm != "value":
        page.locator("#normed").check()
        assert pixels(page, "#series canvas") != dots


def test_punctuation_is_left_out_of_means_when_asked(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    row = row_at(inputs, 7)
    page = visitor(site).open(links.document(7))
    page.locator("#punctuation").check()
    counted = ~(row.special | row.punctuation)
    shown = page.locator("#inspector-values dd").first.inner_text()
    assert float(shown) == pytest.approx(row.aggregates[0][counted].mean(), rel=0.01)
    assert row.aggregates[0][counted].mean() != pytest.approx(row.aggregates[0][~row.special].mean(), rel=1e-4)
    assert "punct=0" in page.url


def test_the_margin_of_the_heat_map_leads_to_the_heads(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(links.document(7))
    page.locator("#overview").click(position={"x": 20, "y": 5})
    arrive(page, f"**/{links.head(0, 0)}")
    page.go_back()
    arrive(page, f"**/{links.document(7)}*")
    page.locator("#overview").focus()
    for _ in range(2):
        page.keyboard.press("ArrowDown")
        page.wait_for_timeout(50)
    page.keyboard.press("Enter")
    arrive(page, f"**/{links.head(0, 1)}")


def test_the_strip_reads_the_text_around_the_token(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    row = row_at(inputs, 7)
    page = visitor(site).open(f"{links.document(7)}#t=12")
    until(page, "document.querySelector('.strip-token').textContent")
    assert page.locator(".strip-token").inner_text() == row.text[row.starts[12] : row.ends[12]]
    assert row.text[: row.starts[12]].split()[-1] in page.locator(".strip-before").inner_text()


@pytest.mark.parametrize("way", rest_is_slow(["mean", "max", "first"]))
def test_word_pieces_are_merged_on_demand(way: str, inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    row = row_at(inputs, 7)
    n_words = len(row.tokens) - sum(row.words[1:] == row.words[:-1])
    page = visitor(site).open(f"{links.document(7)}#t=3&z=2-9")
    assert n_words < len(row.tokens) == page.locator("#text .tk").count()
    with page.expect_navigation():
        page.locator("#words").select_option(way)
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.locator("#text .tk").count() == n_words
    assert page.url.endswith(f"#words={way}")
    assert page.evaluate("document.querySelector('#text').textContent") == row.text
    assert page.locator("#words").input_value() == way
    with page.expect_navigation():
        page.locator("#words").select_option("")
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.locator("#text .tk").count() == len(row.tokens)


def test_maps_show_words_where_the_page_does_and_follow_the_word(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.document(7)}#words=max&map=0.1&t=9")
    until(page, "document.querySelector('#token-maps').dataset.drawn === ''")
    until(page, "document.querySelector('#map-reading').textContent.includes('attends to')")
    assert page.locator("#inspector-text").inner_text() in page.locator("#map-reading").inner_text()
    assert page.locator("#map-words").is_checked()
    page.locator("#map-words").uncheck()
    until(page, "location.hash.includes('mapwords=0')")


def test_an_outline_leads_to_every_view(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.document(7)}#m=entropy")
    outline = page.locator("#outline a")
    expected = ["Text", "Series", "All 6 heads", "Token by token", "Token to token", "Top tokens"]
    titles = [title for title in outline.all_inner_texts() if title != "What the prediction depends on"]
    assert titles == [*expected, "Export"]
    page.get_by_role("link", name="Token by token").click()
    assert page.evaluate("document.activeElement.id") == "sequence-title"
    assert 0 <= page.locator("#sequence-title").bounding_box()["y"] < 100
    assert page.locator("#outline").bounding_box()["y"] == 0
    assert "m=entropy" in page.url
    page.get_by_role("link", name="Export").first.click()
    assert page.locator("#exports").evaluate("details => details.open")


def test_on_a_phone_only_a_narrow_strip_stays_and_only_while_a_token_is_selected(site: Path, visitor: Visitor) -> None:
    page = visitor(site, viewport={"width": 390, "height": 844}).open(links.document(7))
    to_sequence = "document.querySelector('#sequence-title').scrollIntoView()"
    page.evaluate(to_sequence)
    inspector = page.locator(".inspector")
    assert inspector.bounding_box()["y"] < -60
    page.evaluate("scrollTo(0, 0)")
    page.locator("#text .tk:not(.special)").nth(3).click()
    page.evaluate(to_sequence)
    until(page, "document.querySelector('.inspector').getBoundingClientRect().top === 0")
    assert inspector.bounding_box()["height"] <= 60
    shown = [name for name in page.locator("#inspector-values dt").all() if name.is_visible()]
    assert [name.inner_text() for name in shown][:2] == ["mean", "max"]


def test_the_line_of_the_series_has_a_measure_of_its_own(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.document(7)}#m=entropy")
    assert page.locator("#line").input_value() == ""
    assert page.locator("#series-measure").inner_text() == "entropy"
    page.locator("#line").select_option("max")
    assert page.locator("#series-measure").inner_text() == "max"
    assert page.locator("#measure").input_value() == "entropy"
    assert "line=max" in page.url
    page = visitor(site).open(f"{links.document(7)}#line=1.2")
    assert page.locator("#line").input_value() == "1.2"
    assert page.locator("#series-measure").inner_text() == "L1·H2"
    assert page.locator("#measure").input_value() == "mean"
    page = visitor(site).open(f"{links.document(7)}#line=nonsense")
    assert page.locator("#line").input_value() == ""


def test_a_linear_axis_says_which_special_tokens_are_above_it(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    row = row_at(inputs, 7)
    page = visitor(site).open(links.document(7))
    assert page.locator("#series-beyond").inner_text() == ""
    page.locator("input[name=scale][value=linear]").check()
    highest = row.aggregates[list(AGGREGATES).index("max")]
    top = np.ceil(10 * highest[~row.special].max()) / 10
    n_above = int((highest[row.special] > top).sum())
    said = page.locator("#series-beyond").inner_text()
    assert said == (
        "" if not n_above else f"{n_above} special token{'s reach' if n_above > 1 else ' reaches'} above the axis"
    )


def test_the_grid_of_heads_names_its_layers_and_heads(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(links.document(7))
    buttons = page.locator("#head-grid .head-buttons button")
    named = buttons.evaluate_all("all => all.map(({ dataset }) => [dataset.layer, dataset.head])")
    assert named == [["L0", "0"], [None, "1"], [None, "2"], ["L1", None], [None, None], [None, None]]
    content = buttons.first.evaluate("button => getComputedStyle(button, '::before').content")
    assert content == '"L0"'


def test_pieces_of_words_are_joined_by_a_mark(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    rows = {position: row_at(inputs, position).words for position in range(24)}
    pieces = {p: [t + 1 for t in np.flatnonzero((of[1:] == of[:-1]) & (of[1:] >= 0))] for p, of in rows.items()}
    position = next(p for p, tokens in pieces.items() if tokens)
    page = visitor(site).open(links.document(position))
    marked = page.locator("#text .piece").evaluate_all("all => all.map(({ dataset }) => Number(dataset.token))")
    assert marked == pieces[position]
    assert "gradient" in page.locator("#text .piece").first.evaluate("e => getComputedStyle(e).backgroundImage")
    assert page.locator(".joined").is_visible()
    whole = next(p for p, tokens in pieces.items() if not tokens)
    assert visitor(site).open(links.document(whole)).locator(".joined").is_hidden()


def test_all_aggregates_are_rows_at_once(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.document(7)}#rows=aggregates")
    assert page.locator("#rows option:checked").inner_text() == "all aggregates"
    assert ", ".join(AGGREGATES) in page.locator("#sequence").get_attribute("aria-label")
