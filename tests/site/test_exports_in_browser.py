"""What a document's page hands out: pictures, numbers, AttViz's JSON, and itself as one file."""
# ruff: noqa: ANN401 - Playwright is imported late, so that the tests can say that it is missing

import base64
import csv
import io
import json
import math
import re
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import synthetic_attention
from attviz_files import Imported
from PIL import Image
from site_visits import Visitor, row_at, until
from synthetic_site import HOSTILE_TEXTS, site_settings, write_site_inputs

from attviz_pipeline.config.settings import ExportSettings
from attviz_pipeline.export.export_attention import export_attention
from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.stages import ExportAttention

pytestmark = [pytest.mark.browser, pytest.mark.slow]
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
    n_tokens = row.windows[0]["n_model_tokens"]
    title = f"shown, \u00d7 even attention (1/{n_tokens})"
    shown = np.array([float(line[title]) for line in table]).reshape(values.shape)
    np.testing.assert_allclose(shown, values * n_tokens, rtol=1e-3)
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


def test_pictures_say_what_they_show(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.document(MAPPED)}#map=0.1&m=max")
    until(page, "document.querySelector('#token-maps').dataset.drawn === ''")
    open_panel(page)
    text, head = (exported(page, "svg", view).decode("utf-8") for view in ("text", "head"))
    assert "shaded by max over heads" in text
    assert "Head L0·H1" in head
    cursor = page.evaluate("attviz.palette.current().cursor")
    assert page.locator("#text .window-break").count() == 2
    assert text.count(f'fill="{cursor}"') >= 4


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
    assert kept[0] == {"name": "L0 H0", "color": None, "visible": None}
    assert [vector["name"] for vector in vectors[6:]] == ["0_mean"]
    (read,) = Imported(tmp_path, content).rows
    values = np.array(read["self_attention"]).reshape(row.self_attention.shape)
    np.testing.assert_allclose(values, np.maximum(row.self_attention, 1e-6), rtol=PACKED)


def test_attvizs_json_is_read_back_by_the_import(
    inputs: SiteInputs, site: Path, tmp_path: Path, visitor: Visitor
) -> None:
    row = row_at(inputs, MAPPED)
    page = visitor(site).open(links.document(MAPPED))
    open_panel(page)
    (read,) = Imported(tmp_path, json.loads(exported(page, "attviz"))).rows
    assert read["tokens"] == row.tokens
    values = np.array(read["self_attention"]).reshape(row.self_attention.shape)
    np.testing.assert_allclose(values, np.maximum(row.self_attention, 1e-6), rtol=PACKED)
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


def test_each_line_of_the_sequence_is_drawn_once(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    row = row_at(inputs, MAPPED)
    page = visitor(site).open(links.document(MAPPED))
    open_panel(page)
    unseen = exported(page, "svg", "sequence").decode("utf-8")
    page.locator("#sequence").scroll_into_view_if_needed()
    page.wait_for_selector(".token-line canvas")
    page.locator("#exports").scroll_into_view_if_needed()
    assert page.locator(".token-line").count() > 1
    assert exported(page, "svg", "sequence").decode("utf-8") == unseen
    words = [row.text[a:b] or row.tokens[i] for i, (a, b) in enumerate(zip(row.starts, row.ends, strict=True))]
    texts = [text.text for text in ET.fromstring(unseen).iter(f"{SVG}text")]  # noqa: S314 - made by the page under test
    labels = ("L0", "L1", "L0·H0", "L0·H1", "L0·H2", "L1·H0", "L1·H1", "L1·H2")
    assert [text for text in texts[1:] if text not in labels] == words


CANVASES = "(place) => [...document.querySelectorAll(`${place} canvas`)].map((canvas) => canvas.toDataURL())"
ON_SCREEN = [
    ("series", "", "#series"),
    ("overview", "", "#overview"),
    ("sequence", "", ".token-line:first-child"),
    ("model", "", "#map-model"),
    ("head", "mapview=lines", "#map-lines"),
    ("head", "mapview=lines&mapheads=pinned&t=20", "#map-lines"),
    ("head", "mapview=matrix", "#map-matrix"),
    ("head", "mapview=neuron", "#map-neuron"),
]
# Pixels of the title above a picture, and of the colour scale and the gap below it.
TITLE, SCALE = 26, 24


def on_white(content: bytes) -> Any:
    picture = Image.open(io.BytesIO(content)).convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)


@pytest.mark.parametrize(("view", "state", "place"), ON_SCREEN)
def test_a_picture_looks_like_the_screen(view: str, state: str, place: str, site: Path, visitor: Visitor) -> None:
    top = TITLE + (SCALE if view == "overview" else 0)
    page = visitor(site, color_scheme="light").open(f"{links.document(MAPPED)}#map=0.1&{state}")
    until(page, "document.querySelector('#token-maps').dataset.drawn === ''")
    open_panel(page)
    page.locator(place).scroll_into_view_if_needed()
    until(page, f"Boolean(document.querySelector('{place} canvas'))")
    page.wait_for_timeout(100)
    layers = [base64.b64decode(url.split(",")[1]) for url in page.evaluate(CANVASES, place)]
    sizes = [Image.open(io.BytesIO(layer)).size for layer in layers]
    screen = Image.new("RGBA", sizes[0], "white")
    # What marks the cursor lies on a canvas of its own and stays out of files.
    for layer, size in list(zip(layers, sizes, strict=True))[: 2 if view == "series" else 1]:
        assert size == sizes[0]
        screen = Image.alpha_composite(screen, Image.open(io.BytesIO(layer)).convert("RGBA"))
    picture = on_white(exported(page, "png", view))
    half = picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.BOX)
    part = half.crop((0, top, sizes[0][0], top + sizes[0][1]))
    # At half the size: letters may be half a pixel higher in one of them.
    shown, made = (np.asarray(image.convert("L").reduce(2), float) for image in (screen, part))
    shown, made = (np.abs(image - np.median(image)) for image in (shown, made))
    assert np.corrcoef(shown.ravel(), made.ravel())[0, 1] > 0.8
    assert made.sum() == pytest.approx(shown.sum(), rel=0.3)


DRAWINGS = """(async () => {
  const sized = (width, height) => Object.assign(document.createElement("canvas"), { width, height });
  const source = sized(4, 4);
  const onSource = source.getContext("2d");
  ["#f00", "#0f0", "#00f", "#ff0"].forEach((colour, i) => {
    onSource.fillStyle = colour;
    onSource.fillRect(2 * (i % 2), 2 * Math.floor(i / 2), 2, 2);
  });
  const draw = (context) => {
    context.imageSmoothingEnabled = false;
    context.drawImage(source, 2, 3);
    context.drawImage(source, 10, 2, 16, 12);
    context.drawImage(source, 2, 0, 2, 2, 30, 2, 10, 10);
    context.drawImage(source, 4, 4, -2, -2, 60, 20, -16, -16);
    context.save();
    context.beginPath();
    context.rect(2, 30, 20, 20);
    context.clip();
    context.beginPath();
    context.rect(12, 40, 30, 30);
    context.clip();
    context.translate(10, 0);
    context.fillStyle = "#808";
    context.globalCompositeOperation = "source-over";
    context.imageSmoothingEnabled = true;
    context.lineJoin = "round";
    context.fillRect(0, 30, 40, 40);
    context.restore();
    context.drawImage(source, 70, 2, 20, 20);
    context.setLineDash([6, 6]);
    context.strokeStyle = "#000";
    context.lineWidth = 4;
    context.strokeRect(50, 60, -20, -20);
    context.globalCompositeOperation = "destination-over";
    context.fillStyle = "#0a0";
    context.fillRect(70, 30, 20, 20);
    context.fillStyle = "#a00";
    context.fillRect(75, 35, 20, 20);
  };
  const [canvas, written] = [sized(100, 80), new attviz.svg.SvgContext(100, 80, 1)];
  draw(canvas.getContext("2d"));
  draw(written);
  const { text } = attviz.svg.file("", "transparent", [{ x: 0, y: 0, context: written }]);
  const image = Object.assign(new Image(), { src: `data:image/svg+xml,${encodeURIComponent(text)}` });
  await image.decode();
  const drawn = sized(100, 80);
  drawn.getContext("2d").drawImage(image, 0, 0);
  const pixels = (made) => made.getContext("2d").getImageData(0, 0, 100, 80).data;
  const [expected, got] = [pixels(canvas), pixels(drawn)];
  return [text, expected.reduce((sum, value, i) => sum + (Math.abs(value - got[i]) > 40), 0)];
})()"""


def test_svg_is_drawn_as_a_canvas_is(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(links.document(MAPPED))
    open_panel(page)
    text, n_different = page.evaluate(DRAWINGS)
    assert "undefined" not in text
    assert "NaN" not in text
    assert n_different < 30


@pytest.fixture(scope="module")
def odd_inputs(tmp_path_factory: pytest.TempPathFactory) -> SiteInputs:
    """A number that is one word of several tokens, a piece that begins a word, capitals, and values below 1e-6."""

    def row(*arguments: Any) -> dict[str, Any]:
        made = honest(*arguments)
        return {**made, "self_attention": [value if i % 5 else 1e-9 for i, value in enumerate(made["self_attention"])]}

    honest = synthetic_attention._row
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic_attention, "_row", row)
        pieces = {"61.0": ("61", ".", "0"), "covid-12": ("covid", "-", "##12"), "TECHNOLOGIES": ("technolog", "##ies")}
        for word, tokens in pieces.items():
            patch.setitem(synthetic_attention.PIECES, word, tokens)
        texts = ["Score 61.0 for covid-12 , broadband and TECHNOLOGIES .", "McDonald keeps TECHNOLOGIES"]
        return write_site_inputs(tmp_path_factory.mktemp("odd-inputs"), n_documents=4, n_shards=1, texts=texts)


@pytest.fixture(scope="module")
def odd_site(odd_inputs: SiteInputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd") / "site"
    write_site(site_settings(), odd_inputs, folder)
    return folder


@pytest.mark.parametrize("position", [0, 1])
def test_attvizs_json_of_a_page_is_that_of_the_command(
    position: int, odd_inputs: SiteInputs, odd_site: Path, tmp_path: Path, visitor: Visitor
) -> None:
    settings = ExportAttention(export=ExportSettings(heads="all", formats=["attviz_json"]))
    export_attention(settings, odd_inputs.attention, tmp_path / "out")
    expected = json.loads((tmp_path / "out" / "attviz.json").read_text(encoding="utf-8"))[position]
    page = visitor(odd_site).open(f"{links.document(position)}#h=")
    open_panel(page)
    (content,) = json.loads(exported(page, "attviz"))
    assert content["text"] == expected["text"]
    assert content["sets"][0]["tokens"] == expected["sets"][0]["tokens"]
    for got, wanted in zip(
        content["sets"][0]["attention_vectors"], expected["sets"][0]["attention_vectors"], strict=True
    ):
        assert got["name"] == wanted["name"]
        values = [max(float(value), 1e-6) for value in wanted["vectors"]]
        np.testing.assert_allclose([float(value) for value in got["vectors"]], values, rtol=PACKED)
    for got, wanted in zip(content["output_activations"], expected["output_activations"], strict=True):
        assert got["name"] == wanted["name"]
        assert float(got["value"]) == pytest.approx(float(wanted["value"]), rel=1e-5)


def test_attvizs_viewer_can_draw_every_value_of_a_page_on_its_logarithmic_axis(
    odd_inputs: SiteInputs, odd_site: Path, tmp_path: Path, visitor: Visitor
) -> None:
    page = visitor(odd_site).open(f"{links.document(0)}#h=0.1,1.2,mean,min~~~least,range,pinned,received,std,entropy")
    open_panel(page)
    content = json.loads(exported(page, "attviz"))
    vectors = content[0]["sets"][0]["attention_vectors"]
    # The viewer's axis begins at the logarithm of the least value.
    assert all(math.isfinite(math.log10(float(value))) for vector in vectors for value in vector["vectors"])
    added = {vector["name"]: vector for vector in vectors[6:]}
    assert list(added) == ["0_mean", "least (0_min)", "0_max_min", "0_pinned", "0_received", "0_std"]
    assert {vector["visible"] for vector in added.values()} == {True}
    row = row_at(odd_inputs, 0)
    np.testing.assert_allclose(list(map(float, added["0_mean"]["vectors"])), row.aggregates[0], rtol=1e-3)
    (read,) = Imported(tmp_path, content).rows
    assert len(read["self_attention"]) == row.self_attention.size


def test_words_are_joined_from_the_models_tokens(odd_site: Path, visitor: Visitor) -> None:
    page = visitor(odd_site).open(f"{links.document(0)}#words=mean")
    open_panel(page)
    tokens = json.loads(exported(page, "attviz"))[0]["sets"][0]["tokens"]
    assert {"61.0", "broadband", "technologies"} <= set(tokens)


def test_numbers_of_the_sequence_say_what_they_are_in(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.document(MAPPED)}#h=1.2~~~mine,mean&norm=relative")
    open_panel(page)
    unit = "\u00d7 the head's mean here"
    sequence = rows_of(exported(page, "csv", "sequence"))[0]
    assert list(sequence)[5:] == [f"L0, {unit}", f"L1, {unit}", f"mine, {unit}", "mean"]
    assert f"shown, {unit}" in rows_of(exported(page, "csv", "overview"))[0]
    page.locator("#norm").select_option("value")
    assert list(rows_of(exported(page, "csv", "sequence"))[0])[5:] == ["L0", "L1", "mine", "mean"]
    row = row_at(inputs, MAPPED)
    assert len(rows_of(exported(page, "csv", "text"))) == len(row.tokens)


FLOORS = {"": "< 1e−6", "normed=1": "near 0", "normed=1&norm=value": "< 1e−6"}


@pytest.mark.parametrize(("state", "label"), FLOORS.items())
def test_the_floor_of_an_axis_is_in_what_the_axis_is_in(
    state: str, label: str, odd_site: Path, visitor: Visitor
) -> None:
    page = visitor(odd_site).open(f"{links.document(0)}#{state}")
    open_panel(page)
    root = ET.fromstring(exported(page, "svg", "series").decode("utf-8"))  # noqa: S314 - made by the page under test
    found = {text.text for text in root.iter(f"{SVG}text")} & {"< 1e−6", "near 0"}
    assert found == {label}


def test_every_shown_head_is_in_the_table_of_the_shown_heads(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.document(MAPPED)}#h=0.1,1.2&mapheads=pinned")
    until(page, "document.querySelector('#token-maps').dataset.drawn === ''")
    open_panel(page)
    table = rows_of(exported(page, "csv", "head"))
    assert {(line["layer"], line["head"]) for line in table} == {("0", "1"), ("1", "2")}


def test_colours_are_written_as_every_program_reads_them(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.document(MAPPED)}#map=0.1")
    until(page, "document.querySelector('#token-maps').dataset.drawn === ''")
    open_panel(page)
    for view in ("text", "series", "overview", "sequence", "model", "head"):
        root = ET.fromstring(exported(page, "svg", view).decode("utf-8"))  # noqa: S314 - made by the page under test
        colours = {mark.get(key, "none") for mark in root.iter() for key in ("fill", "stroke")}
        assert all(re.fullmatch(r"none|#[0-9a-f]{3,6}|rgb\(\d+, \d+, \d+\)", colour) for colour in colours), colours
