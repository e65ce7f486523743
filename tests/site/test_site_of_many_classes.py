"""The site of a study with many classes and long names: every name can be read, and no page scrolls sideways."""

from pathlib import Path

import pytest
from html_page import Page
from site_visits import Visitor
from synthetic_site import site_settings, write_site_inputs

from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.render_site import write_site

pytestmark = pytest.mark.slow

N_CLASSES = 40
LONG = "balance_not_updated_after_cheque_or_cash_deposit"
NAMES = [LONG, *(f"card_payment_not_recognised_{number}" for number in range(1, N_CLASSES))]
PAGES = [links.START, links.DOCUMENTS, links.document(3), links.CLASSES, links.class_page(0), links.WRONG]
PAGES += [links.head(0, 0), links.COMPARE, links.TOKENS]
NAMED = "h1, .confusion th, .bars th, .probabilities th, .mistakes .hint, .numbers th"
CLIPPED = f"""() => [...document.querySelectorAll("{NAMED}")]
  .filter((e) => e.clientWidth && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1))
  .filter((e) => getComputedStyle(e).overflow !== "visible").map((e) => e.innerText)"""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> SiteInputs:
    return write_site_inputs(tmp_path_factory.mktemp("inputs"), n_documents=120, label_names=NAMES)


@pytest.fixture(scope="module")
def site(inputs: SiteInputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many-classes") / "site"
    write_site(site_settings(), inputs, folder)
    return folder


def test_the_start_page_lists_the_most_frequent_confusions(inputs: SiteInputs, site: Path) -> None:
    counts = files.read_json(inputs.statistics.summary, statistics_schemas.SUMMARY)["confusion"]
    errors = {(gold, guess): n for gold, row in enumerate(counts) for guess, n in enumerate(row) if gold != guess and n}
    cells = [address.partition("#")[2] for _, address in Page(site / links.START).addresses if "#gold=" in address]
    pairs = [tuple(int(part.partition("=")[2]) for part in cell.split("&")) for cell in cells]
    assert [errors[gold, guess] for gold, guess in pairs] == sorted(errors.values(), reverse=True)[:10]


def test_the_page_of_classes_has_the_whole_matrix(inputs: SiteInputs, site: Path) -> None:
    counts = files.read_json(inputs.statistics.summary, statistics_schemas.SUMMARY)["confusion"]
    cells = [address for _, address in Page(site / links.CLASSES).addresses if "#gold=" in address]
    assert len(cells) == sum(bool(count) for row in counts for count in row)
    assert (site / links.CLASSES).stat().st_size < 200_000


def test_the_page_of_a_head_says_how_many_groups_it_leaves_out(site: Path) -> None:
    words = " ".join(Page(site / links.head(0, 0)).text.split())
    assert f"the 12 of {N_CLASSES + 1} groups with the largest |g|, none beyond chance" in words


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1440])
def test_names_can_be_read_and_no_page_scrolls_sideways(width: int, site: Path, visitor: Visitor) -> None:
    visit = visitor(site, viewport={"width": width, "height": 900})
    faults = {}
    for address in PAGES:
        page = visit.open(address)
        fault = page.evaluate("document.documentElement.scrollWidth") - width, page.evaluate(CLIPPED)
        if fault[0] > 0 or fault[1]:
            faults[address] = fault
    assert faults == {}
