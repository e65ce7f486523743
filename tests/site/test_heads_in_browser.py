"""The page of all heads in Chromium: colours by any metric, and the matrices and maps of likeness."""

# ruff: noqa: ANN401 - Playwright is imported late, so that the tests can say that it is missing

import csv
import io
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from PIL import Image
from site_rows import all_rows
from site_visits import Visitor, arrive, until
from synthetic_site import site_settings

from attviz_pipeline.artifacts import comparison_schemas, evidence_schemas, files
from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.rows import DocumentRow
from attviz_pipeline.report.views.likeness import read_likeness
from attviz_pipeline.report.views.mean_maps import read_mean_maps
from attviz_pipeline.report.views.study import read_study_view

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SVG = "{http://www.w3.org/2000/svg}"
MATRIX = ".likeness[data-measure=fuji] canvas[role=img]"


def test_the_grid_is_coloured_by_any_metric_and_a_link_restores_it(site: Path, visitor: Visitor) -> None:
    visit = visitor(site)
    page = visit.open(links.HEADS)
    first = page.locator("#head-table a").first
    before = first.inner_text()
    page.locator("#metric").select_option("max")
    assert first.inner_text() != before
    assert page.url.endswith("#metric=max")
    page = visit.open(f"{links.HEADS}#metric=role")
    page.reload()
    until(page, "document.documentElement.dataset.ready !== undefined")
    assert page.locator("#metric").input_value() == "role"
    assert page.locator("#head-table a").first.inner_text() == "next token"
    assert "next token: 1" in page.locator("#legend-text").inner_text()
    assert page.locator("#head-table a").first.get_attribute("aria-label") == "Layer 0, head 0, role next token"


def test_importance_colours_the_grid_and_the_plots_and_is_exported(
    inputs: SiteInputs, site: Path, visitor: Visitor
) -> None:
    assert inputs.evidence is not None
    page = visitor(site).open(f"{links.HEADS}#metric=ablation_fall")
    cells = page.locator("#head-table a").evaluate_all(
        "all => all.map((cell) => getComputedStyle(cell).backgroundColor)"
    )
    for number in range(2):
        fills = page.locator(".importance-scatter").nth(number).locator("circle")
        assert fills.evaluate_all("all => all.map((point) => getComputedStyle(point).fill)") == cells
    rows = files.read_table(inputs.evidence.head_ablations, evidence_schemas.HEAD_ABLATIONS).to_pylist()
    falls = [-row["change"] for row in rows if row["grouping"] == "all" and row["head"] is not None]
    assert page.locator("#legend-text span").all_inner_texts() == [f"{sign}{max(falls):.2f}" for sign in ("−", "")]
    page.locator("#exports summary").press("Enter")
    grid = numbers_of(page, "grid of heads")
    assert [float(line["ablation_fall"]) for line in grid] == pytest.approx(falls, rel=1e-3)
    picture = exported(page, "svg", "grid of heads").decode("utf-8")
    # The end of the ramp is the colour of the head without which the prediction falls most.
    first = "".join(f"{int(channel):02x}" for channel in cells[0].removeprefix("rgb(").removesuffix(")").split(","))
    assert picture.lower().count(first) + picture.count(cells[0]) + picture.count(cells[0].replace(" ", "")) >= 2
    page.locator(".importance-scatter a").nth(4).click()
    arrive(page, f"**/{links.head(1, 1)}")


def test_heads_are_sorted_and_selected_by_their_importance(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    assert inputs.evidence is not None
    rows = files.read_table(inputs.evidence.head_ablations, evidence_schemas.HEAD_ABLATIONS).to_pylist()
    heads = [row for row in rows if row["grouping"] == "all" and row["head"] is not None]
    visit = visitor(site)
    page = visit.open(links.HEADS)
    table, names = page.locator("#importance-table"), "#importance-table tbody:first-of-type tr:not([hidden]) th"

    def named(found: list[dict[str, Any]]) -> list[str]:
        return [f"L{row['layer']}·H{row['head']}" for row in found]

    assert table.get_attribute("open") is None
    table.locator("summary").press("Enter")
    assert page.locator(names).all_inner_texts() == named(sorted(heads, key=lambda row: row["change"]))
    page.get_by_role("button", name="Flips").press("Enter")
    assert page.url.endswith("#sort=-flips")
    flips = {name: row["flips"] for name, row in zip(named(heads), heads, strict=True)}
    shown = page.locator(names).all_inner_texts()
    assert [flips[name] for name in shown] == sorted(flips.values(), reverse=True)
    assert table.locator("th[aria-sort=descending]").all_inner_texts() == ["Flips"]
    page.get_by_role("button", name="Flips").press("Enter")
    assert page.url.endswith("#sort=flips")
    page.locator("#show").select_option("falls")
    falls = named([row for row in heads if row["change_q"] < 0.05 and row["change"] < 0])
    assert 0 < len(falls) < len(heads)

    for _ in range(2):
        assert sorted(page.locator(names).all_inner_texts()) == sorted(falls)
        assert page.locator("#n-shown").inner_text() == f"{len(falls)} of {len(heads)} heads"
        assert page.locator("#head-table a:not(.off)").count() == len(falls)
        assert page.locator(".importance-scatter").first.locator("circle:not(.off)").count() == len(falls)
        page = visit.open(f"{links.HEADS}#show=falls&sort=flips")
        page.reload()
        until(page, "document.documentElement.dataset.ready !== undefined")
        assert page.locator("#show").input_value() == "falls"
        assert page.locator("#importance-table").get_attribute("open") is not None


def test_the_page_of_evidence_leads_to_the_importance_of_heads(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(links.EVIDENCE)
    page.locator(f"a[href='{links.HEADS}#importance']").first.click()
    arrive(page, f"**/{links.HEADS}#importance")
    until(page, "document.documentElement.dataset.ready !== undefined")
    until(page, "Math.abs(document.getElementById('importance').getBoundingClientRect().top) < innerHeight / 3")


def test_points_of_the_map_have_the_colours_of_the_grid(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(f"{links.HEADS}#metric=fuji_cluster")
    fills = page.locator(".likeness[data-measure=fuji] circle").evaluate_all(
        "all => all.map((point) => getComputedStyle(point).fill)"
    )
    cells = page.locator("#head-table a").evaluate_all(
        "all => all.map((cell) => getComputedStyle(cell).backgroundColor)"
    )
    assert fills == cells


def test_the_matrix_tells_the_value_of_two_heads(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    likeness = read_likeness(inputs.comparison, read_study_view(site_settings().study, inputs))[0]
    page = visitor(site).open(links.HEADS)
    page.locator(MATRIX).focus()
    page.keyboard.press("ArrowRight")
    clusters = files.read_table(inputs.comparison.head_clusters, comparison_schemas.HEAD_CLUSTERS).to_pylist()
    places = [row["order"] for row in clusters if row["measure"] == "fuji"]
    first, second = places.index(0), places.index(1)
    caption = page.locator(".likeness[data-measure=fuji] .likeness-at")
    assert f"{likeness.pairs['value'][first, second]:.3f}" in caption.inner_text()
    assert caption.locator(".head-name").all_inner_texts() == [f"L{row // 3}·H{row % 3}" for row in (first, second)]
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    arrive(page, f"**/{links.head(*divmod(first, 3))}")


def exported(page: Any, what: str, view: str) -> bytes:
    page.locator("#export-view").select_option(label=view)
    with page.expect_download() as waiting:
        page.locator(f"#exports [data-format={what}]").click()
    return Path(waiting.value.path()).read_bytes()


def numbers_of(page: Any, view: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(exported(page, "csv", view).decode("utf-8"), newline="")))


PICTURES = [
    ("grid of heads", "rect"),
    ("mean attention maps", "image"),
    ("Ranking of tokens (FUJI): matrix", "rect"),
    ("Ranking of tokens (FUJI): map", "path"),
]


@pytest.mark.parametrize(("view", "mark"), PICTURES)
def test_the_pictures_of_the_page_are_files(view: str, mark: str, site: Path, visitor: Visitor, tmp_path: Path) -> None:
    page = visitor(site).open(links.HEADS)
    assert page.locator("script[src*=exports]").count() == 0, "the scripts of files wait until they are asked for"
    page.locator("#exports summary").press("Enter")
    root = ET.fromstring(exported(page, "svg", view).decode("utf-8"))  # noqa: S314 - made by the page under test
    assert view in next(root.iter(f"{SVG}text")).text
    assert len(list(root.iter(f"{SVG}{mark}"))) >= 6
    if view == PICTURES[0][0]:
        texts = {text.text for text in root.iter(f"{SVG}text")}
        assert {"L0", "L1", "H0", "H1", "H2", *page.locator("#head-table a").all_inner_texts()} <= texts
    (tmp_path / "picture.png").write_bytes(exported(page, "png", view))
    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.format == "PNG"
        assert picture.size == (2 * int(root.attrib["width"]), 2 * int(root.attrib["height"]))
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 10


def test_the_files_of_numbers_hold_what_the_page_was_given(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    study = read_study_view(site_settings().study, inputs)
    likeness = read_likeness(inputs.comparison, study)[0]
    page = visitor(site).open(links.HEADS)
    page.locator("#exports summary").press("Enter")
    heads = [(str(row // 3), str(row % 3)) for row in range(6)]
    grid = numbers_of(page, "grid of heads")
    assert [(line["layer"], line["head"]) for line in grid] == heads
    means = [cell.get_attribute("data-mean") for cell in page.locator("#head-table a").all()]
    assert [float(line["mean"]) for line in grid] == pytest.approx([float(mean or "nan") for mean in means], rel=1e-3)
    assert grid[0]["role"] == "next token"
    pairs = numbers_of(page, "Ranking of tokens (FUJI): matrix")
    assert len(pairs) == 15
    for line in pairs:
        row, other = (3 * int(line[f"{of}layer"]) + int(line[f"{of}head"]) for of in ("", "other_"))
        assert float(line["fuji"]) == pytest.approx(float(likeness.pairs["value"][row, other]), abs=6e-4)
    points = numbers_of(page, "Ranking of tokens (FUJI): map")
    assert sorted((line["layer"], line["head"]) for line in points) == heads
    shares = read_mean_maps(inputs.maps.maps, study.n_rows).pictures
    cells = numbers_of(page, "mean attention maps")
    assert [float(line["attention"]) for line in cells] == pytest.approx(shares.ravel().tolist(), rel=0.0285, abs=1e-6)


def test_the_map_leads_to_heads(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(links.HEADS)
    page.locator(".likeness[data-measure=jensen_shannon] .head-map a").nth(4).click()
    arrive(page, f"**/{links.head(1, 1)}")


def test_an_excerpt_leads_to_its_document_with_the_head_chosen(
    inputs: SiteInputs, site: Path, visitor: Visitor
) -> None:
    page = visitor(site).open(links.head(1, 2))
    strongest: DocumentRow = max(all_rows(inputs), key=lambda row: float(row.self_attention[5, ~row.special].mean()))
    page.locator(".excerpts a").first.click()
    arrive(page, f"**/{links.document(strongest.position)}#h=1.2&m=1.2")


def test_the_mean_map_of_a_head_reads_itself_out(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    assert inputs.maps is not None
    values = read_mean_maps(inputs.maps.maps, 6).pictures[5]
    page = visitor(site).open(links.head(1, 2))
    canvas = page.locator(".mean-map canvas")
    canvas.focus()
    page.keyboard.press("ArrowDown")
    shown = page.locator(".map-at").inner_text()
    assert shown.startswith("Queries at 5 to 10 % of a text give ")
    assert shown.endswith("to keys at 0 to 5 %.")
    share = float(shown.split("give ")[1].split(" %")[0])
    assert share == pytest.approx(100 * values[1, 0], rel=0.03, abs=0.5)
    pixels = canvas.evaluate("(canvas) => [...canvas.getContext('2d').getImageData(0, 0, 20, 20).data]")
    assert len({tuple(pixels[i : i + 3]) for i in range(0, len(pixels), 4)}) > 5


def test_the_pictures_of_all_heads_lead_to_them(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(links.HEADS)
    assert page.locator("#mean-maps canvas").count() == 6
    page.get_by_role("link", name="L1·H1, mean map").click()
    arrive(page, f"**/{links.head(1, 1)}")
