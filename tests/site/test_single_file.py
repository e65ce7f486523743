"""Pages of the site as one file, made in Python, and in the frame of a notebook."""

import html
import re
from pathlib import Path
from typing import Any

import pytest
from site_visits import Visit, Visitor
from synthetic_site import HOSTILE_TEXTS

from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.report import links
from attviz_pipeline.report.single_file import single_file
from attviz_pipeline.results import Page


def framed(page: Page, folder: Path) -> Path:
    """Write a page around a page, as a saved notebook has it."""
    (folder / "cell.html").write_text(f'<!doctype html><meta charset="utf-8">{page._repr_html_()}', encoding="utf-8")
    return folder


def ready_frame(visit: Visit) -> Any:  # noqa: ANN401 - Playwright may be missing
    visit.page.goto(f"{visit.root}cell.html")
    visit.page.frame_locator("iframe").locator("html[data-ready]").wait_for(state="attached")
    return visit.page.frames[1]


@pytest.mark.parametrize("address", [links.START, links.HEADS, links.document(7)])
def test_a_file_names_no_other(address: str, site: Path) -> None:
    text = single_file(site, address)

    # A text may show such markup; in the page it is escaped.
    assert not re.findall(r"<(?:link rel=\"stylesheet|script src|a [^>]*href=\"[^#])", text)
    assert "http://" not in text.partition("<body")[0]
    assert text.count("<script>") == len(re.findall(r"<script>.*?</script>", text, re.DOTALL)) > 2


def test_the_frame_holds_the_page_and_no_more_rights_than_it_needs(site: Path) -> None:
    page = Page(single_file(site, links.document(0)), 'one "quoted" & <tagged>')

    shown = page._repr_html_()

    attributes = dict(re.findall(r'(\w+)="([^"]*)"', shown))
    assert html.unescape(attributes["srcdoc"]) == page.html
    assert html.unescape(attributes["title"]) == page.title
    assert attributes["sandbox"] == "allow-scripts allow-downloads"
    assert shown.count("<") == 2


def test_a_missing_page_is_named(site: Path) -> None:
    with pytest.raises(ArtifactError, match=r"nothing\.html cannot be read"):
        single_file(site, "nothing.html")


@pytest.mark.browser
@pytest.mark.parametrize("address", [links.START, links.HEADS, links.document(7)])
def test_a_page_works_in_the_frame_of_a_notebook(address: str, site: Path, visitor: Visitor, tmp_path: Path) -> None:
    frame = ready_frame(visitor(framed(Page(single_file(site, address), address), tmp_path)))

    assert frame.locator("[role=alert]").all_inner_texts() == []
    assert frame.evaluate("document.documentElement.classList.contains('scripted')")
    assert frame.locator("h1").is_visible()
    assert not frame.locator(".site-header").is_visible()


@pytest.mark.browser
def test_tokens_and_maps_of_a_framed_document_react(site: Path, visitor: Visitor, tmp_path: Path) -> None:
    frame = ready_frame(visitor(framed(Page(single_file(site, links.document(7)), "7"), tmp_path)))

    frame.locator("#text .tk").nth(3).click()
    frame.locator("#text .tk.held").first.wait_for()
    assert frame.locator("canvas").first.is_visible()


@pytest.mark.browser
@pytest.mark.parametrize("position", range(0, len(HOSTILE_TEXTS), 4))
def test_hostile_texts_stay_in_the_frame(position: int, hostile_site: Path, visitor: Visitor, tmp_path: Path) -> None:
    visit = visitor(framed(Page(single_file(hostile_site, links.document(position)), "hostile"), tmp_path))
    frame = ready_frame(visit)

    assert visit.page.evaluate("document.body.children.length") == 1
    assert visit.page.evaluate("document.title") == ""
    assert frame.locator("h1").count() == 1


@pytest.mark.browser
def test_sensitive_texts_stay_hidden_in_the_frame(sensitive_site: Path, visitor: Visitor, tmp_path: Path) -> None:
    frame = ready_frame(visitor(framed(Page(single_file(sensitive_site, links.document(0)), "0"), tmp_path)))

    assert frame.locator("#text").evaluate("text => getComputedStyle(text).filter") != "none"
    frame.locator("#consent").check()
    assert frame.locator("#text").evaluate("text => getComputedStyle(text).filter") == "none"
