"""What readers of AttViz and BertViz look for is at most three clicks away; docs/pages.md names the clicks."""

from pathlib import Path

import pytest
from site_visits import Visitor, until

pytestmark = pytest.mark.browser


def test_the_lines_of_a_head_are_three_clicks_away(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open("index.html")
    page.locator("a[href^='documents/000003']").first.click()
    page.wait_for_selector("html[data-ready]", state="attached")
    page.locator("#outline").get_by_role("link", name="Token to token").click()
    page.wait_for_selector("#token-maps[data-drawn]", state="attached")
    page.locator("#map-model").get_by_role("button", name="Layer 1, head 2").click()
    until(page, "document.querySelector('#map-title').textContent === 'Head L1·H2'")
    assert page.locator("#map-lines").is_visible()


def test_the_series_of_a_document_is_two_clicks_away(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open("index.html")
    page.locator("a[href^='documents/']").first.click()
    page.wait_for_selector("html[data-ready]", state="attached")
    page.locator("#outline").get_by_role("link", name="Series").click()
    assert 0 <= page.locator("#series-title").bounding_box()["y"] < 100


def test_the_words_of_a_class_are_one_click_away(site: Path, visitor: Visitor) -> None:
    page = visitor(site).open("index.html")
    page.locator("a[href^='classes/000']").first.click()
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.get_by_role("heading", name="Words with the most self-attention in this class").is_visible()
