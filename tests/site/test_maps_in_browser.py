"""Token-to-token views in Chromium: pictures open heads, tokens point at each other, and the address remembers."""

# ruff: noqa: ANN401 - a page is an untyped object of Playwright, which is imported late

import io
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from site_visits import Visitor, row_at, until
from synthetic_maps import WITHOUT_VECTORS, matrices
from synthetic_site import MAPPED

from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs

pytestmark = pytest.mark.browser

MAPPED_PAGE = links.document(3)
WINDOWED_PAGE = links.document(7)
SVG = "{http://www.w3.org/2000/svg}"
ROW, HEAD = 17, 22  # of the head view, pixels


def drawn(page: Any) -> Any:
    page.locator("#token-maps").scroll_into_view_if_needed()
    page.wait_for_selector("#token-maps[data-drawn]", state="attached")
    return page


def matrix(position: int, n_tokens: int, layer: int, head: int) -> NDArray[np.float64]:
    made: NDArray[np.float64] = matrices(position, 0, n_tokens, 2, 3)["attention"][layer, head]
    return made


def words(inputs: SiteInputs, position: int) -> list[str]:
    row = row_at(inputs, position)
    bounds = zip(row.starts, row.ends, row.tokens, strict=True)
    return [row.text[start:end] or token for start, end, token in bounds]


def test_maps_load_when_the_reader_gets_there(site: Path, visitor: Visitor) -> None:
    visit = visitor(site, viewport={"width": 1280, "height": 300})
    asked: list[str] = []
    visit.page.on("request", lambda request: asked.append(request.url))
    page = visit.open(MAPPED_PAGE)
    page.wait_for_timeout(200)
    assert not any("/maps/" in url for url in asked)
    drawn(page)
    assert [url.rpartition("/")[2] for url in asked if "/maps/" in url] == ["000003-0.js"]


def test_a_picture_opens_its_head(site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site).open(MAPPED_PAGE))
    page.locator("#map-model").get_by_role("button", name="Layer 1, head 2").click()
    until(page, "document.querySelector('#map-title').textContent === 'Head L1·H2'")
    assert "map=1.2" in page.url
    button = page.locator("#map-model").get_by_role("button", name="Layer 1, head 2")
    assert button.get_attribute("aria-pressed") == "true"


def test_pointing_at_a_query_names_its_strongest_keys(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site).open(f"{MAPPED_PAGE}#map=1.0"))
    names = words(inputs, 3)
    page.locator("#map-lines").hover(position={"x": 90, "y": HEAD + 4.5 * ROW})
    page.wait_for_selector("#text .tk.at[data-token='4']")
    exact = matrix(3, len(names), 1, 0)[4]
    reading = page.locator("#map-reading").inner_text()
    best = int(exact.argmax())
    assert f"{names[4]} attends to {names[best]} {exact[best]:.0%}"[:-1].strip() in reading.replace("\u00a0", " ")


def test_pointing_at_a_key_names_who_attends_to_it(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site).open(f"{MAPPED_PAGE}#map=1.0"))
    names = words(inputs, 3)
    box = page.locator("#map-lines").bounding_box()
    exact = matrix(3, len(names), 1, 0)
    kept = np.argsort(-exact, axis=1)[:, :8]
    key = int(np.bincount(kept.ravel()).argmax())
    page.locator("#map-lines").hover(position={"x": box["width"] - 60, "y": HEAD + (key + 0.5) * ROW})
    page.wait_for_selector(f"#text .tk.at[data-token='{key}']")
    queries = [query for query in range(len(names)) if key in kept[query]]
    reading = page.locator("#map-reading").inner_text()
    assert f"{names[key]} is among the strongest keys of {len(queries)} tokens" in reading
    strongest = max(queries, key=lambda query: exact[query, key])
    assert f"tokens: {names[strongest]}" in reading


def test_a_token_of_the_text_is_marked_in_the_map(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site).open(MAPPED_PAGE))
    page.locator("#text .tk[data-token='6']").hover()
    until(page, f"document.querySelector('#map-reading').textContent.includes({words(inputs, 3)[6]!r} + ' attends to')")


def test_the_address_restores_head_view_and_token(site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site).open(f"{MAPPED_PAGE}#map=0.1&mapview=matrix&mapside=key&t=5"))
    assert page.locator("#map-title").inner_text() == "Head L0·H1"
    assert page.locator("#map-matrix").is_visible()
    assert page.locator("#map-lines").is_hidden()
    assert "strongest keys of" in page.locator("#map-reading").inner_text()
    assert page.locator("#text .tk.held").get_attribute("data-token") == "5"


def test_the_head_that_led_to_the_document_is_the_one_that_opens(site: Path, visitor: Visitor) -> None:
    varied = drawn(visitor(site).open(MAPPED_PAGE)).locator("#map-title").inner_text()
    for key, name in (("0.1", "Head L0·H1"), ("1.0", "Head L1·H0"), ("1.2", "Head L1·H2")):
        page = drawn(visitor(site).open(f"{MAPPED_PAGE}#h={key}&m={key}"))
        assert page.locator("#map-title").inner_text() == name
        page = drawn(visitor(site).open(f"{MAPPED_PAGE}#h={key}&m={key}&map=0.0"))
        assert page.locator("#map-title").inner_text() == "Head L0·H0"
    assert drawn(visitor(site).open(f"{MAPPED_PAGE}#m=entropy")).locator("#map-title").inner_text() == varied


def test_nonsense_in_the_address_does_no_harm(site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site).open(f'{MAPPED_PAGE}#map=9.9&mapview="&mapside=x&texts=zz&window=77&mapheads=<b>&t=2'))
    assert page.locator("#map-lines").is_visible()
    assert page.locator("#map-title").inner_text().startswith("Head L")


def test_pinned_heads_are_read_together(site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site).open(f"{MAPPED_PAGE}#h=0.0,1.1&t=3"))
    page.locator("#map-heads").select_option("pinned")
    until(page, "document.querySelectorAll('#map-reading li').length === 2")
    assert page.locator("#map-reading a").all_inner_texts() == ["L0·H0", "L1·H1"]
    assert "mapheads=pinned" in page.url


def test_all_heads_of_a_layer_are_read_as_their_mean(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site).open(f"{MAPPED_PAGE}#map=1.1&t=4"))
    page.locator("#map-heads").select_option("layer")
    until(page, "document.querySelector('#map-title').textContent === '3 heads of L1'")
    assert "mapheads=layer" in page.url
    names = words(inputs, 3)
    rows = np.array([matrix(3, len(names), 1, head)[4] for head in range(3)])
    kept = np.array([np.where(row >= np.sort(row)[-8], row, 0) for row in rows]).mean(axis=0)
    best = int(kept.argmax())
    reading = page.locator("#map-reading").inner_text().replace("\u00a0", " ")
    head = f"Mean of 3 heads: {names[4]} attends to {names[best]} "
    assert reading.startswith(head)
    assert float(reading.removeprefix(head).partition(" ")[0]) == pytest.approx(100 * kept[best], rel=0.028, abs=0.5)
    page.locator("#map-layer").select_option("0")
    until(page, "document.querySelector('#map-title').textContent === '3 heads of L0'")


def test_a_double_click_shows_one_head_of_a_layer_and_again_all(site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site).open(f"{MAPPED_PAGE}#map=1.0&mapheads=layer"))
    pressed = "[...document.querySelectorAll('#map-legend button')].map((one) => one.ariaPressed).join()"
    head = page.locator("#map-legend button").nth(1)
    head.dblclick()
    until(page, f"{pressed} === 'false,true,false'")
    assert page.locator("#map-title").inner_text() == "Head L1·H1"
    head.dblclick()
    until(page, f"{pressed} === 'true,true,true'")
    head.press("Enter")
    until(page, f"{pressed} === 'true,false,true'")
    assert page.locator("#map-title").inner_text() == "2 of 3 heads of L1"
    assert "mapoff=1" in page.url
    head.press("Shift+Enter")
    until(page, f"{pressed} === 'false,true,false'")


def test_weak_weights_and_special_tokens_are_left_out_and_said(site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site).open(f"{MAPPED_PAGE}#map=1.0&mapleast=0&t=4"))
    assert page.locator("#map-drawn").inner_text().startswith("All ")
    page.locator("#map-least").fill("20")
    until(page, "document.querySelector('#map-drawn').textContent.endsWith('those of 20 % or more.')")
    assert "mapleast=20" in page.url
    rest = "Number(document.querySelector('#map-reading').textContent.match(/; (\\d+)\\D+goes to/)[1])"
    before = page.evaluate(rest)
    page.locator("#map-special").uncheck()
    until(page, "document.querySelector('#map-hint').textContent.includes('Special tokens are hidden')")
    assert "[CLS]" not in page.locator("#map-reading").inner_text()
    assert page.evaluate(rest) >= before


def test_every_token_of_a_text_is_in_sight_unless_rows_are_large(site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site, viewport={"width": 1440, "height": 500}).open(WINDOWED_PAGE))
    fits = "document.querySelector('#map-lines').scrollHeight === document.querySelector('#map-lines').clientHeight"
    assert page.evaluate(fits)
    page.locator("#map-large").check()
    until(page, f"!({fits})")


@pytest.mark.parametrize("choice", ["", "&maprows=1", "&mapheads=layer&mapleast=0"])
def test_the_exported_picture_holds_all_rows(choice: str, site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site, viewport={"width": 1440, "height": 500}).open(f"{WINDOWED_PAGE}#map=1.0{choice}"))
    page.locator("#exports summary").press("Enter")
    until(page, "Boolean(globalThis.attviz.exportPanel)")
    page.locator("#export-view").select_option("head")
    files = {}
    for kind in ("svg", "png"):
        with page.expect_download() as waiting:
            page.locator(f"#exports [data-format={kind}]").click()
        files[kind] = Path(waiting.value.path()).read_bytes()
    root = ET.fromstring(files["svg"].decode("utf-8"))  # noqa: S314 - made by the page under test
    n_tokens = page.evaluate("JSON.parse(document.querySelector('#payload').textContent).maps[0].tokens")
    middle = [text for text in root.iter(f"{SVG}text") if text.get("text-anchor") == "end"]
    assert len(middle) == n_tokens + 1  # the tokens on the left, and the title of their column
    strokes = [path for path in root.iter(f"{SVG}path") if path.get("stroke")]
    lines = sum((path.get("d") or "").count("L") for path in strokes)
    said = page.locator("#map-drawn").inner_text().replace(",", "").removeprefix("All ")
    assert lines == int(said.split()[0])
    # The lowest row is drawn, in the size of the picture.
    image = Image.open(io.BytesIO(files["png"])).convert("L")
    assert image.size == tuple(2 * int(root.attrib[name]) for name in ("width", "height"))
    last = np.asarray(image)[-150:-60]
    assert last.min() + 60 < last.max()


def test_pieces_are_merged_to_words_when_asked_for(site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site).open(f"{WINDOWED_PAGE}#map=1.0"))
    page.locator("#map-words").check()
    until(page, "document.querySelector('#map-hint').textContent.includes('the mean over its pieces')")
    assert "mapwords=1" in page.url
    page.locator("input[name=mapview][value=matrix]").check()
    until(page, "!document.querySelector('#map-matrix').hidden")
    page.locator("input[name=mapview][value=neuron]").check()
    until(page, "document.querySelector('#map-words').disabled")


def test_the_keyboard_reaches_everything(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site).open(f"{MAPPED_PAGE}#map=0.0"))
    page.locator("#map-model [tabindex='0']").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    until(page, "document.querySelector('#map-title').textContent === 'Head L1·H1'")
    page.locator("#map-lines").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.wait_for_selector("#text .tk.held[data-token='1']")
    page.keyboard.press("ArrowRight")
    until(page, "document.querySelector('#map-reading').textContent.includes('strongest keys of')")
    assert words(inputs, 3)[1] in page.locator("#map-spoken").inner_text()
    page.keyboard.press("Escape")
    until(page, "!document.querySelector('.tk.at')")


def test_the_neuron_view_shows_what_makes_a_row(site: Path, visitor: Visitor) -> None:
    visit = visitor(site)
    asked: list[str] = []
    visit.page.on("request", lambda request: asked.append(request.url))
    page = drawn(visit.open(f"{MAPPED_PAGE}#map=1.2&t=4"))
    assert not any("-L0" in url for url in asked)
    page.locator("input[name=mapview][value=neuron]").check()
    until(page, "!document.querySelector('#map-neuron').hidden")
    page.wait_for_timeout(300)
    assert [url.rpartition("/")[2] for url in asked if "-L0" in url] == ["000003-0-L01.js"]
    colours = page.evaluate(
        """() => { const c = document.querySelector('#map-neuron canvas');
        const pixels = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        return new Set(new Uint32Array(pixels.buffer)).size; }"""
    )
    assert colours > 50


def test_softmax_of_the_vectors_is_the_matrix(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    n_tokens = len(words(inputs, 3))
    page = drawn(visitor(site).open(f"{MAPPED_PAGE}#map=1.2&mapview=neuron"))
    weights = page.evaluate(
        """async () => { const vectors = await attviz.vectors.load(await attviz.mapFiles.load('000003-0-L01'));
        return [...attviz.vectors.row(vectors, 2, 4).weights]; }"""
    )
    assert weights == pytest.approx(matrix(3, n_tokens, 1, 2)[4], abs=0.02)


def test_the_script_reads_what_the_artifact_says(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    n_tokens = len(words(inputs, 3))
    page = drawn(visitor(site).open(MAPPED_PAGE))
    found = page.evaluate(
        """async () => { const map = await attviz.matrix.load(await attviz.mapFiles.load('000003-0'));
        const { row, rest } = attviz.matrix;
        return Array.from({ length: map.tokens }, (_, query) => [row(map, 4, query), rest(map, 4, query)]); }"""
    )
    exact = matrix(3, n_tokens, 1, 1)
    for query, (entries, rest) in enumerate(found):
        order = np.argsort(-exact[query], kind="stable")[:8]
        assert [key for key, _ in entries] == order.tolist()
        assert [value for _, value in entries] == pytest.approx(exact[query, order], rel=0.028)
        assert rest == pytest.approx(1 - exact[query, order].sum(), rel=0.03, abs=1e-6)


def test_without_vectors_the_neuron_view_says_why(site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site).open(f"{links.document(WITHOUT_VECTORS)}#mapview=neuron"))
    assert "There are no query and key vectors here" in page.locator("#map-note").inner_text()
    pages = page.locator("#map-vectors a").evaluate_all("(links) => links.map((link) => link.getAttribute('href'))")
    assert pages == ["000003.html", "000007.html"]
    page.locator("input[name=mapview][value=lines]").check()
    until(page, "document.querySelector('#map-note').hidden")
    assert page.locator("input[name=mapview][value=neuron]").is_disabled()
    assert page.locator("#map-lines").is_visible()


def test_windows_are_chosen_and_their_tokens_are_the_documents(
    inputs: SiteInputs, site: Path, visitor: Visitor
) -> None:
    row = row_at(inputs, 7)
    first = row.windows[1]["first_token"]
    page = drawn(visitor(site).open(f"{WINDOWED_PAGE}#maprows=1"))
    page.locator("#map-window").select_option("1")
    until(page, "location.hash.includes('window=1')")
    page.wait_for_timeout(300)
    page.locator("#map-lines").hover(position={"x": 90, "y": HEAD + 3.5 * ROW})
    page.wait_for_selector(f"#text .tk.at[data-token='{first + 2}']")
    # The window's own [CLS] is no token of the document.
    page.locator("#map-lines").hover(position={"x": 90, "y": HEAD + 0.5 * ROW})
    until(page, "document.querySelector('#map-reading').textContent.includes('[CLS] attends to')")
    assert page.locator("#text .tk.at").count() == 0


def test_a_head_is_listed_when_asked_for(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site).open(f"{MAPPED_PAGE}#map=0.2"))
    page.locator("#map-table summary").click()
    page.wait_for_selector("#map-table tbody tr")
    names = words(inputs, 3)
    rows = page.locator("#map-table tbody tr")
    assert rows.count() == len(names)
    exact = matrix(3, len(names), 0, 2)[1]
    assert rows.nth(1).locator("th").inner_text() == names[1]
    assert rows.nth(1).locator("td").first.inner_text().startswith(names[int(exact.argmax())])


def test_a_head_can_be_taken_away_as_csv(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site).open(f"{MAPPED_PAGE}#map=0.2"))
    with page.expect_download() as waiting:
        page.locator("#map-csv").click()
    lines = Path(waiting.value.path()).read_text(encoding="utf-8").splitlines()
    n_tokens = len(words(inputs, 3))
    assert lines[0] == "model,layer,head,query,query_token,key,key_token,attention"
    assert len(lines) == 1 + n_tokens * 9
    shares = [float(line.rpartition(",")[2]) for line in lines[1:10]]
    assert sum(shares) == pytest.approx(1, abs=0.03)


def test_a_missing_map_is_told_and_the_rest_of_the_page_works(site: Path, tmp_path: Path, visitor: Visitor) -> None:
    shutil.copytree(site, tmp_path / "site")
    (tmp_path / "site" / links.window_map(3, 0)).unlink()
    visit = visitor(tmp_path / "site")
    page = visit.open(MAPPED_PAGE)
    page.locator("#token-maps").scroll_into_view_if_needed()
    until(page, "document.querySelector('#map-note')?.hidden === false")
    assert "maps/000003-0.js is missing" in page.locator("#map-note").inner_text()
    assert page.locator(".tk").count() > 3
    visit.faults[:] = [fault for fault in visit.faults if "ERR_FILE_NOT_FOUND" not in fault]


def test_the_list_of_documents_finds_those_with_maps(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.DOCUMENTS}#maps=yes")
    assert page.locator("#filter-maps").is_checked()
    assert page.locator("#matches").inner_text() == f"{len(MAPPED)} of 24"
    page.locator("#filter-vectors").check()
    until(page, f"document.querySelector('#matches').textContent === '{len(MAPPED) - 1} of 24'")
    page.locator("#filter-vectors").uncheck()
    page.locator("#filter-maps").uncheck()
    until(page, "document.querySelector('#matches').textContent === 'all 24'")


def test_it_works_from_a_web_server_under_a_path(server: str, visitor: Visitor) -> None:
    page = drawn(visitor(server).open(f"{MAPPED_PAGE}#mapview=neuron"))
    until(page, "!document.querySelector('#map-neuron').hidden")
