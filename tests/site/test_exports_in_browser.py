"""What a document's page hands out: pictures, numbers, AttViz's JSON, and itself as one file."""
# ruff: noqa: ANN401 - Playwright is imported late, so that the tests can say that it is missing

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from attviz_files import Imported
from site_visits import Visitor, row_at, until
from synthetic_site import HOSTILE_TEXTS

from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs

pytestmark = pytest.mark.browser
SVG = "{http://www.w3.org/2000/svg}"
PACKED = 0.0281
MAPPED = 7


def open_panel(page: Any) -> None:
    page.locator("#exports summary").press("Enter")
    until(page, "Boolean(globalThis.attviz.exportPanel)")


def exported(page: Any, what: str, view: str = "") -> bytes:
    if view:
        page.locator("#export-view").select_option(view)
    with page.expect_download() as waiting:
        page.locator(f"#exports [data-format={what}]").click()
    return Path(waiting.value.path()).read_bytes()


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline="")))


@pytest.mark.parametrize("view", ["text", "series", "overview", "sequence", "model", "head"])
def test_every_view_is_a_picture_with_words_and_marks(view: str, site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.document(MAPPED)}#map=0.1")
    until(page, "document.querySelector('#token-maps').dataset.drawn === ''")
    open_panel(page)
    pictures = "[...document.querySelectorAll('#series canvas')].map((canvas) => canvas.toDataURL())"
    drawn = page.evaluate(pictures)
    root = ET.fromstring(exported(page, "svg", view).decode("utf-8"))  # noqa: S314 - made by the page under test
    assert root.tag == f"{SVG}svg"
    texts = [text.text or "" for text in root.iter(f"{SVG}text")]
    marks = [mark for tag in ("rect", "path", "image") for mark in root.iter(f"{SVG}{tag}")]
    assert "Predicted" in texts[0]
    assert len(texts) > 2
    assert len(marks) > 2
    png = exported(page, "png", view)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert int.from_bytes(png[16:20], "big") == 2 * int(root.attrib["width"])
    # The page itself is as it was.
    assert page.evaluate(pictures) == drawn


def test_numbers_of_the_heat_map_are_those_of_the_document(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    row = row_at(inputs, MAPPED)
    page = visitor(site).open(f"{links.document(MAPPED)}#norm=length")
    open_panel(page)
    table = rows_of(exported(page, "csv", "overview"))
    values = np.array([float(line["self_attention"]) for line in table]).reshape(row.self_attention.shape)
    np.testing.assert_allclose(values, np.where(row.self_attention < 1e-6, 0, row.self_attention), rtol=PACKED)
    shown = np.array([float(line["shown"]) for line in table]).reshape(values.shape)
    np.testing.assert_allclose(shown, values * row.windows[0]["n_model_tokens"], rtol=1e-3)
    assert [line["text"] for line in table[1:4]] == [
        row.text[a:b] for a, b in zip(row.starts[1:4], row.ends[1:4], strict=True)
    ]


def test_numbers_of_the_other_views_have_a_line_per_token(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    row = row_at(inputs, MAPPED)
    page = visitor(site).open(f"{links.document(MAPPED)}#h=1.2&rows=aggregates")
    open_panel(page)
    series = rows_of(exported(page, "csv", "series"))
    np.testing.assert_allclose([float(line["mean"]) for line in series], row.aggregates[0], rtol=1e-3)
    np.testing.assert_allclose([float(line["L1·H2"]) for line in series], row.self_attention[5], rtol=PACKED)
    sequence = rows_of(exported(page, "csv", "sequence"))
    np.testing.assert_allclose(
        [float(line["max \u2212 min"]) for line in sequence], np.ptp(row.self_attention, 0), rtol=2e-3
    )
    np.testing.assert_allclose([float(line["std AttViz"]) for line in sequence], row.self_attention.std(0), rtol=2e-3)
    assert len(rows_of(exported(page, "csv", "text"))) == len(row.tokens)


def test_numbers_and_unit_of_the_series_are_the_normalised_ones(
    inputs: SiteInputs, site: Path, visitor: Visitor
) -> None:
    row = row_at(inputs, MAPPED)
    page = visitor(site).open(f"{links.document(MAPPED)}#h=1.2&normed=1&norm=length&m=entropy")
    assert page.locator("#series-measure").inner_text() == "no entropy of normalised values"
    open_panel(page)
    n_tokens = row.windows[0]["n_model_tokens"]
    unit = f"\u00d7 even attention (1/{n_tokens})"
    table = rows_of(exported(page, "csv", "series"))
    assert f"entropy, {unit}" not in table[0]
    for name, values in (("mean", row.aggregates[0]), ("L1·H2", row.self_attention[5])):
        np.testing.assert_allclose([float(line[f"{name}, {unit}"]) for line in table], values * n_tokens, rtol=0.03)
    assert unit in exported(page, "svg", "series").decode("utf-8")


def test_the_picture_of_the_text_has_its_marks_and_numbers(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.document(MAPPED)}#h=1.2~112233~u,0.1~445566~u&scores=1")
    open_panel(page)
    root = ET.fromstring(exported(page, "svg", "text").decode("utf-8"))  # noqa: S314 - made by the page under test
    near, far = ([mark for mark in root.iter(f"{SVG}rect") if mark.get("fill") == c] for c in ("#112233", "#445566"))
    assert len(near) > 10
    assert {mark.get("height") for mark in near} == {"2"}
    assert {mark.get("height") for mark in far} == {"4"}
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert page.locator("#text .tk").nth(20).get_attribute("data-score") in texts


def test_a_token_of_many_lines_is_drawn_whole(hostile_site: Path, visitor: Visitor) -> None:
    page = visitor(hostile_site).open(links.document(5))
    open_panel(page)
    root = ET.fromstring(exported(page, "svg", "text").decode("utf-8"))  # noqa: S314 - made by the page under test
    lines = [text.text for text in root.iter(f"{SVG}text") if set(text.text or "") == {"w"}]
    assert len("".join(lines)) == 10_000
    assert max(map(len, lines)) < 500


def test_attvizs_json_keeps_what_the_reader_set(
    inputs: SiteInputs, site: Path, tmp_path: Path, visitor: Visitor
) -> None:
    row = row_at(inputs, MAPPED)
    page = visitor(site).open(f"{links.document(MAPPED)}#h=1.2~112233~~0_mean,0.1~445566~x~%01odd,mean")
    open_panel(page)
    content = json.loads(exported(page, "attviz"))
    vectors = content[0]["sets"][0]["attention_vectors"]
    kept = [{key: vector.get(key) for key in ("name", "color", "visible")} for vector in vectors]
    assert kept[5] == {"name": "0_mean (1.2)", "color": "#112233", "visible": True}
    assert kept[1] == {"name": "odd (0.1)", "color": "#445566", "visible": False}
    assert kept[0] == {"name": "0.0", "color": None, "visible": None}
    (read,) = Imported(tmp_path, content).rows
    values = np.array(read["self_attention"]).reshape(row.self_attention.shape)
    np.testing.assert_allclose(values, np.where(row.self_attention < 1e-6, 0, row.self_attention), rtol=PACKED)


def test_attvizs_json_is_read_back_by_the_import(
    inputs: SiteInputs, site: Path, tmp_path: Path, visitor: Visitor
) -> None:
    row = row_at(inputs, MAPPED)
    page = visitor(site).open(links.document(MAPPED))
    open_panel(page)
    (read,) = Imported(tmp_path, json.loads(exported(page, "attviz"))).rows
    assert read["tokens"] == row.tokens
    values = np.array(read["self_attention"]).reshape(row.self_attention.shape)
    np.testing.assert_allclose(values, np.where(row.self_attention < 1e-6, 0, row.self_attention), rtol=PACKED)
    np.testing.assert_allclose(read["probabilities"], row.probabilities, atol=1e-6)


def test_the_page_as_one_file_opens_alone(inputs: SiteInputs, site: Path, tmp_path: Path, visitor: Visitor) -> None:
    row = row_at(inputs, MAPPED)
    page = visitor(site).open(f"{links.document(MAPPED)}#h=1.2~~u~mine&map=0.1&rows=aggregates")
    open_panel(page)
    (tmp_path / "alone.html").write_bytes(exported(page, "page"))
    text = (tmp_path / "alone.html").read_text(encoding="utf-8")
    assert "'unsafe-inline'" not in text
    alone = visitor(tmp_path).open("alone.html")
    assert alone.evaluate("document.querySelector('#text').textContent") == row.text
    assert alone.locator("#pins li > :nth-child(2)").all_inner_texts() == ["mine"]
    assert alone.locator("#rows").input_value() == "aggregates"
    assert alone.locator("html.scripted").count() == 1
    until(alone, "document.querySelector('#token-maps').dataset.drawn === ''")
    alone.get_by_text("Every token as a table", exact=True).click()
    alone.wait_for_selector("#token-list tbody tr")
    open_panel(alone)
    alone.wait_for_selector("#exports [data-format=page]", state="hidden")
    assert exported(alone, "png", "series").startswith(b"\x89PNG")
    assert alone.locator("a[href]:not([href^='#']):not([href^='blob:'])").count() == 0


def test_sensitive_texts_are_neither_exported_nor_spoken_unasked(
    inputs: SiteInputs, sensitive_site: Path, visitor: Visitor
) -> None:
    row = row_at(inputs, MAPPED)
    page = visitor(sensitive_site).open(f"{links.document(MAPPED)}#t=20&map=0.1")
    until(page, "document.querySelector('#token-maps').dataset.drawn === ''")
    open_panel(page)
    files = page.locator("#exports [data-format], #map-csv")
    page.wait_for_selector("#exports [data-format]")
    assert files.evaluate_all("(buttons) => buttons.every((button) => button.disabled)")
    assert "ask for the texts" in page.locator("#export-note").inner_text()
    spoken = page.locator("#inspector-spoken, #map-spoken")
    assert ["hidden until you ask for the texts" in text for text in spoken.all_text_contents()] == [True, True]
    page.locator("#consent").check()
    until(page, "!document.querySelector('#map-csv').disabled")
    assert not files.evaluate_all("(buttons) => buttons.some((button) => button.disabled)")
    assert page.locator("#export-note").inner_text() == ""
    word = row.text[row.starts[20] : row.ends[20]]
    until(page, "!document.querySelector('#map-spoken').textContent.includes('hidden until')")
    assert [word in text for text in spoken.all_text_contents()] == [True, True]
    assert exported(page, "csv", "series")


def test_the_page_as_one_file_asks_its_reader_anew(sensitive_site: Path, tmp_path: Path, visitor: Visitor) -> None:
    page = visitor(sensitive_site, color_scheme="light").open(links.document(MAPPED))
    page.locator("#consent").check()
    page.locator("#theme-toggle").click()
    page.reload()
    until(page, "document.documentElement.dataset.ready === ''")
    open_panel(page)
    (tmp_path / "alone.html").write_bytes(exported(page, "page"))
    alone = visitor(tmp_path, color_scheme="light").open("alone.html")
    assert "blur" in alone.evaluate("getComputedStyle(document.querySelector('#text')).filter")
    assert alone.locator("html").get_attribute("data-theme") is None
    assert not alone.locator("#consent").is_checked()
    assert alone.locator("#text").get_attribute("aria-hidden") == "true"
    alone.locator("#consent").check()
    until(alone, "document.querySelector('#text').matches('[tabindex=\"0\"]:not([aria-hidden])')")


@pytest.mark.parametrize("position", range(len(HOSTILE_TEXTS)))
def test_hostile_texts_stay_text_in_every_file(
    position: int, hostile_inputs: SiteInputs, hostile_site: Path, tmp_path: Path, visitor: Visitor
) -> None:
    row = row_at(hostile_inputs, position)
    page = visitor(hostile_site).open(links.document(position))
    open_panel(page)
    for view in ("text", "series", "sequence"):
        root = ET.fromstring(exported(page, "svg", view).decode("utf-8"))  # noqa: S314 - made by the page under test
        assert {element.tag for element in root.iter()} <= {
            f"{SVG}{tag}" for tag in ("svg", "title", "rect", "g", "text", "path", "image", "clipPath")
        }
    table = rows_of(exported(page, "csv", "series"))
    assert len(table) == len(row.tokens)
    assert not any(line["text"].startswith(("=", "+", "-", "@")) for line in table)
    assert json.loads(exported(page, "attviz"))[0]["sets"][0]["tokens"][0] == row.tokens[0]
    (tmp_path / "alone.html").write_bytes(exported(page, "page"))
    alone = visitor(tmp_path).open("alone.html")
    assert alone.evaluate("document.querySelector('#text').textContent") == row.text


def test_what_cannot_be_exported_is_said(site: Path, tmp_path: Path, visitor: Visitor) -> None:
    shutil.copytree(site, tmp_path / "site")
    visit = visitor(tmp_path / "site")
    page = visit.open(links.document(MAPPED))
    open_panel(page)
    (tmp_path / "site" / "assets" / "sources.js").unlink()
    page.locator("#exports [data-format=page]").click()
    until(page, "document.querySelector('#export-note').textContent.startsWith('Nothing was exported')")
    assert "assets/sources.js is missing" in page.locator("#export-note").inner_text()
    visit.faults[:] = [fault for fault in visit.faults if "ERR_FILE_NOT_FOUND" not in fault]
