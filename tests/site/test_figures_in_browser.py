"""The page of figures in Chromium: thumbnails that open, and pictures on light, dark, blurred and printed pages."""

from pathlib import Path

import pytest
from site_visits import Visitor

from attviz_pipeline.report import links

pytestmark = pytest.mark.browser
FILTER = "getComputedStyle(document.querySelector('.study-figure img')).filter"


def test_a_thumbnail_opens_with_its_caption_and_closes_without_scripts(site: Path, visitor: Visitor) -> None:
    visit = visitor(site, java_script_enabled=False)
    visit.page.goto(visit.root + links.FIGURES)
    figure = visit.page.locator("#reliability")
    small = figure.bounding_box()["width"]
    assert figure.locator("figcaption").is_hidden()

    figure.get_by_role("link", name="Title of reliability").click()
    assert figure.locator("figcaption").is_visible()
    assert figure.bounding_box()["width"] > 2 * small
    figure.get_by_role("link", name="Close").click()
    assert figure.locator("figcaption").is_hidden()


def test_every_picture_is_there_before_the_reader_scrolls(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open(links.FIGURES)

    loaded = page.evaluate("[...document.images].map((image) => image.complete && image.naturalWidth > 0)")
    assert len(loaded) == 8
    assert all(loaded)


def test_pictures_are_inverted_on_dark_pages_and_not_on_paper(site: Path, visitor: Visitor) -> None:
    page = visitor(site, color_scheme="light").open(links.FIGURES)
    assert page.evaluate(FILTER) == "none"
    page.locator("#theme-toggle").click()
    assert page.evaluate(FILTER) == "invert(1) hue-rotate(180deg)"
    page.emulate_media(media="print")
    assert page.evaluate(FILTER) == "none"
    assert page.locator("#reliability figcaption").is_visible()


def test_sensitive_pictures_are_blurred_in_both_themes(sensitive_site: Path, visitor: Visitor) -> None:
    page = visitor(sensitive_site, color_scheme="light").open(links.FIGURES)
    assert page.evaluate(FILTER).startswith("blur(")
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(FILTER).startswith("invert(1) hue-rotate(180deg) blur(")
    page.emulate_media(media="print")
    assert page.evaluate(FILTER).startswith("blur(")
    page.emulate_media(media="screen")
    page.locator("#consent").check()
    assert "blur" not in page.evaluate(FILTER)
