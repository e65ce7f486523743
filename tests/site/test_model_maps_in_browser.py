"""Token-to-token maps of several models in Chromium: switched, side by side, compared, by address and keyboard."""
# ruff: noqa: ANN401 - a page is an untyped object of Playwright, which is imported late

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from site_visits import Visitor, faults_of_looks, row_at, until
from slow_cases import rest_is_slow
from synthetic_maps import ENTRIES_PER_ROW, matrices

from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.single_file import single_file

pytestmark = [pytest.mark.browser, pytest.mark.slow]

POSITION, SEED = 3, "seed-14"
PAGE = links.document(POSITION)
QUERY = 4
WHOLE = {"width": 1440, "height": 900}


def drawn(page: Any) -> Any:
    page.locator("#token-maps").scroll_into_view_if_needed()
    page.wait_for_selector("#token-maps[data-drawn]", state="attached")
    return page


def reading(page: Any) -> list[str]:
    return [line.replace("\u00a0", " ") for line in page.locator("#map-reading li").all_inner_texts()]


def title_is(page: Any, title: str) -> None:
    until(page, f"document.querySelector('#map-title').textContent === {title!r}")


def exact(inputs: SiteInputs, layer: int, head: int, model: str = "") -> NDArray[np.float64]:
    n_tokens = len(row_at(inputs, POSITION).tokens)
    made: NDArray[np.float64] = matrices(POSITION, 0, n_tokens, 2, 3, model)["attention"][layer, head]
    return made


def names_its_strongest_key(line: str, begin: str, names: list[str], matrix: NDArray[np.float64]) -> bool:
    best = int(matrix[QUERY].argmax())
    found = re.match(re.escape(f"{begin}: {names[QUERY]} attends to {names[best]} ") + r"(\d+) %", line)
    return found is not None and abs(int(found[1]) / 100 - matrix[QUERY, best]) < 0.03


def words(inputs: SiteInputs) -> list[str]:
    row = row_at(inputs, POSITION)
    bounds = zip(row.starts, row.ends, row.tokens, strict=True)
    return [row.text[start:end] or token for start, end, token in bounds]


def test_a_model_is_chosen_and_token_layer_and_head_stay(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    visit = visitor(site)
    asked: list[str] = []
    visit.page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page = drawn(visit.open(f"{PAGE}#map=1.0&t={QUERY}"))
    assert page.locator("#map-of option").all_inner_texts() == [
        "this model (seed 13)",
        "before fine-tuning",
        "seed 14",
        "seed 15",
    ]
    assert page.locator("#map-compare").is_hidden()
    assert [name for name in asked if "-M" in name] == []
    names = words(inputs)
    for label, model, number in (("seed 14", SEED, 2), ("before fine-tuning", "pretrained", 1)):
        page.get_by_role("combobox", name="model").select_option(label=label)
        title_is(page, f"Head L1·H0, {label}")
        assert names_its_strongest_key(reading(page)[0], f"L1·H0, {label}", names, exact(inputs, 1, 0, model))
        assert f"mapmodel={model}" in page.url
        assert page.locator("#text .tk.held").get_attribute("data-token") == str(QUERY)
        assert f"000003-0-M{number:02d}.js" in asked
    assert "000003-0-M03.js" not in asked
    page.get_by_role("combobox", name="model").select_option("own")
    title_is(page, "Head L1·H0")
    assert "mapmodel" not in page.url


def test_the_script_of_another_model_is_what_its_artifact_says(
    inputs: SiteInputs, site: Path, visitor: Visitor
) -> None:
    page = drawn(visitor(site).open(PAGE))
    found = page.evaluate(
        """async () => { const { matrix, mapFiles } = attviz;
        const map = await matrix.load(await mapFiles.load(mapFiles.ofModel('000003-0', 2)));
        return Array.from({ length: map.tokens }, (_, query) => matrix.row(map, 4, query)); }"""
    )
    made = exact(inputs, 1, 1, SEED)
    for query, entries in enumerate(found):
        order = np.argsort(-made[query], kind="stable")[:ENTRIES_PER_ROW]
        assert [key for key, _ in entries] == order.tolist()
        assert [value for _, value in entries] == pytest.approx(made[query, order], rel=0.028)


def test_the_difference_is_the_own_model_minus_the_other(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site).open(f"{PAGE}#mapmodel={SEED}&map=1.0&t={QUERY}"))
    page.get_by_label("difference").check()
    title_is(page, "Head L1·H0, this model minus seed 14")
    assert "mapcompare=difference" in page.url
    names = words(inputs)
    own, other = exact(inputs, 1, 0)[QUERY], exact(inputs, 1, 0, SEED)[QUERY]
    text = reading(page)[0]
    assert text.startswith(f"L1·H0, this model minus seed 14: {names[QUERY]} gives ")
    assert text.endswith(" than in seed 14.")
    by = own - other
    key = int(np.abs(by).argmax())
    found = re.search(rf"gives ([\d.]+) points {'more' if by[key] > 0 else 'less'} to {names[key]},", text)
    assert found is not None
    assert float(found[1]) / 100 == pytest.approx(abs(by[key]), abs=0.02)
    page.keyboard.press("Escape")
    until(page, "document.querySelector('#map-reading').textContent.includes('a token gives on average')")


@pytest.mark.parametrize("view", ["lines", "matrix"])
def test_a_difference_is_drawn_in_two_colours(view: str, site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site).open(f"{PAGE}#mapmodel={SEED}&map=1.0&mapview={view}&mapcompare=difference"))
    for place in (f"#map-{view}", "#map-model"):
        blue, orange = page.evaluate(
            """place => { const canvas = document.querySelector(`${place} canvas`);
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            let [blue, orange] = [0, 0];
            for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 40) {
                if (data[i + 2] > data[i] + 60) blue += 1;
                if (data[i] > data[i + 2] + 60) orange += 1;
            }
            return [blue, orange]; }""",
            place,
        )
        assert blue > 30
        assert orange > 30


def test_two_models_stand_side_by_side_and_follow_one_cursor(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site, viewport=WHOLE).open(f"{PAGE}#mapmodel={SEED}&map=1.0"))
    page.get_by_label("beside this model").check()
    title_is(page, "Head L1·H0, this model (seed 13)")
    assert page.locator("#map-other-title").inner_text() == "Head L1·H0, seed 14"
    own, other = (page.locator(place).bounding_box() for place in ("#map-lines", "#map-lines-other"))
    assert own["y"] == other["y"]
    assert own["x"] + own["width"] <= other["x"]
    page.locator("#map-lines-other").hover(position={"x": 90, "y": 22 + (QUERY + 0.5) * 17})
    page.wait_for_selector(f"#text .tk.at[data-token='{QUERY}']")
    names = words(inputs)
    for line, title, model in zip(reading(page), ("this model (seed 13)", "seed 14"), ("", SEED), strict=True):
        assert names_its_strongest_key(line, f"L1·H0, {title}", names, exact(inputs, 1, 0, model))
    page.locator("#map-model-other").get_by_role("button", name="Layer 0, head 2").click()
    title_is(page, "Head L0·H2, this model (seed 13)")
    assert page.locator("#map-other-title").inner_text() == "Head L0·H2, seed 14"
    page.set_viewport_size({"width": 390, "height": 900})
    page.wait_for_timeout(200)
    own, other = (page.locator(place).bounding_box() for place in ("#map-lines", "#map-lines-other"))
    assert own["y"] + own["height"] <= other["y"]
    assert own["x"] == other["x"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_two_models_side_by_side_scroll_together(site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site, viewport=WHOLE).open(f"{PAGE}#mapmodel={SEED}&map=1.0&mapcompare=both"))
    # The text is short: its boxes are made smaller than it is.
    page.evaluate(
        "document.querySelectorAll('#map-lines, #map-lines-other').forEach(box => { box.style.height = '100px'; })"
    )
    for moved, follows in (("#map-lines", "#map-lines-other"), ("#map-lines-other", "#map-lines")):
        target = 60 if moved == "#map-lines" else 20
        page.locator(moved).evaluate(f"box => {{ box.scrollTop = {target}; }}")
        until(page, f"document.querySelector('{follows}').scrollTop === {target}")
    assert page.locator("#map-table-title").inner_text() == "This head as a table, this model (seed 13)"


def test_the_address_restores_the_models(site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site).open(f"{PAGE}#map=0.1&mapmodel=pretrained&mapcompare=difference&mapview=matrix&t=5"))
    assert page.locator("#map-title").inner_text() == "Head L0·H1, this model minus before fine-tuning"
    assert page.get_by_role("combobox", name="model").input_value() == "pretrained"
    assert page.get_by_label("difference").is_checked()
    assert page.locator("#map-matrix").is_visible()
    assert page.locator("#map-heads").is_disabled()


@pytest.mark.parametrize(
    "state", ["mapmodel=seed-99&mapcompare=both", "mapmodel=%3Cb%3E&mapcompare=x", "mapcompare=both"]
)
def test_models_that_are_not_there_leave_the_own_one(state: str, site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site).open(f"{PAGE}#map=1.0&{state}"))
    assert page.locator("#map-title").inner_text() == "Head L1·H0"
    assert page.locator("#map-compare").is_hidden()
    assert page.locator("#map-lines-other").is_hidden()


def test_the_keyboard_chooses_models(site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site).open(f"{PAGE}#map=1.0"))
    page.locator("#map-of").focus()
    page.keyboard.press("ArrowDown")
    title_is(page, "Head L1·H0, before fine-tuning")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.value") == "one"
    page.keyboard.press("ArrowRight")
    title_is(page, "Head L1·H0, this model (seed 13)")
    page.keyboard.press("ArrowRight")
    title_is(page, "Head L1·H0, this model minus before fine-tuning")
    page.locator("#map-lines").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.wait_for_selector("#text .tk.held[data-token='1']")
    assert "L1·H0, this model minus before fine-tuning" in page.locator("#map-spoken").inner_text()


def test_neurons_are_those_of_the_own_model(site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site).open(f"{PAGE}#map=1.0&mapview=neuron&mapmodel={SEED}"))
    assert page.locator("input[name=mapview][value=neuron]").is_disabled()
    assert page.locator("#map-lines").is_visible()
    page.locator("#map-of").select_option("own")
    until(page, "!document.querySelector('#map-neuron').hidden")


def downloaded(page: Any) -> tuple[str, list[dict[str, str]]]:
    with page.expect_download() as waiting:
        page.locator("#map-csv").click()
    with Path(waiting.value.path()).open(encoding="utf-8", newline="") as file:
        return waiting.value.suggested_filename, list(csv.DictReader(file))


def test_files_name_the_model(inputs: SiteInputs, site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site).open(f"{PAGE}#map=1.0"))
    name, rows = downloaded(page)
    assert name == "attention-000003-0-1.0.csv"
    assert {row["model"] for row in rows} == {"own"}
    page.locator("#map-of").select_option(SEED)
    title_is(page, "Head L1·H0, seed 14")
    name, rows = downloaded(page)
    assert name == "attention-000003-0-1.0-seed-14.csv"
    made = exact(inputs, 1, 0, SEED)
    kept = [row for row in rows if row["key"]]
    assert [float(row["attention"]) for row in kept] == pytest.approx(
        [made[int(row["query"]), int(row["key"])] for row in kept], rel=0.035
    )
    page.get_by_label("difference").check()
    title_is(page, "Head L1·H0, this model minus seed 14")
    name, rows = downloaded(page)
    assert name == "attention-000003-0-1.0-own-minus-seed-14.csv"
    by = exact(inputs, 1, 0) - made
    for row in (row for row in rows if row["key"]):
        pair = int(row["query"]), int(row["key"])
        tolerance = 0.06 * max(exact(inputs, 1, 0)[pair], made[pair]) + 1e-4
        if row["least"] == "1":
            assert abs(float(row["difference"])) <= abs(by[pair]) + tolerance
        else:
            assert float(row["difference"]) == pytest.approx(by[pair], abs=tolerance)


@pytest.mark.parametrize(
    ("mode", "title"),
    [
        ("one", ": Head L1·H0, seed 14"),
        ("both", ": Head L1·H0, this model (seed 13); below: Head L1·H0, seed 14"),
        ("difference", ": Head L1·H0, this model minus seed 14"),
    ],
)
def test_pictures_name_the_model(mode: str, title: str, site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site).open(f"{PAGE}#map=1.0&mapmodel={SEED}&mapcompare={mode}"))
    page.locator("#exports > summary").click()
    page.locator("#export-view").select_option("head")
    with page.expect_download() as waiting:
        page.locator("[data-format=svg]").click()
    picture = Path(waiting.value.path()).read_text(encoding="utf-8")
    assert title in picture
    assert picture.count("all other keys") == {"one": 1, "both": 2, "difference": 0}[mode]


@pytest.mark.parametrize("mode", rest_is_slow(["one", "both", "difference"]))
def test_the_choice_of_models_is_accessible(mode: str, site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site).open(f"{PAGE}#map=1.0&mapmodel={SEED}&mapcompare={mode}&t=3"))
    assert faults_of_looks(page) == []


def test_a_page_that_is_one_file_has_the_other_models_too(site: Path, tmp_path: Path, visitor: Visitor) -> None:
    (tmp_path / "page.html").write_text(single_file(site, PAGE), encoding="utf-8")
    page = drawn(visitor(tmp_path).open(f"page.html#map=1.0&mapmodel={SEED}&mapcompare=difference"))
    assert page.locator("#map-title").inner_text() == "Head L1·H0, this model minus seed 14"
    assert downloaded(page)[1][0]["model"] == "own minus seed-14"


def test_an_export_as_one_file_has_the_other_models(site: Path, tmp_path: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site).open(f"{PAGE}#map=1.0&mapmodel={SEED}"))
    page.locator("#exports > summary").click()
    with page.expect_download() as waiting:
        page.locator("[data-format=page]").click()
    waiting.value.save_as(tmp_path / "page.html")
    alone = drawn(visitor(tmp_path).open("page.html"))
    assert alone.locator("#map-title").inner_text() == "Head L1·H0, seed 14"
    alone.locator("#map-of").select_option("seed-15")
    title_is(alone, "Head L1·H0, seed 15")


def test_the_next_document_keeps_the_model(site: Path, visitor: Visitor) -> None:
    page = drawn(visitor(site).open(f"{PAGE}#mapmodel={SEED}&mapcompare=both"))
    until(page, "document.querySelector('a[rel=next]').hash.includes('mapmodel')")
    hash_ = page.evaluate("document.querySelector('a[rel=next]').hash")
    assert hash_ == f"#mapcompare=both&mapmodel={SEED}"
