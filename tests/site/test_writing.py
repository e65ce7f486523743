"""How the site writes numbers and apostrophes: one rule each, wherever a page, a script or a figure says something."""

import re
from pathlib import Path

import pytest
from html_page import words

from attviz_pipeline.report import links

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [
    path
    for folder, kinds in (("templates", ("html", "js")), ("attviz_pipeline", ("py",)), ("docs/statistics", ("md",)))
    for kind in kinds
    for path in sorted((ROOT / folder).rglob(f"*.{kind}"))
]
CURLY = re.compile("[a-zA-Z]\N{RIGHT SINGLE QUOTATION MARK}|&rsquo;|\\\\u2019")
HYPHEN_FOR_MINUS = re.compile(r"(?:^|[\s(,])-\.?\d|\d - \d|\de-\d")
PAGES = [links.START, links.CLASSES, links.EVIDENCE, links.HEADS, links.METHODS, links.head(0, 0)]


def test_apostrophes_are_straight() -> None:
    assert SOURCES
    assert not [path for path in SOURCES if CURLY.search(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", PAGES)
def test_a_minus_is_no_hyphen(site: Path, page: str) -> None:
    text = words(site / page)
    code = re.findall(r"<code>.*?</code>", (site / page).read_text(encoding="utf-8"), re.DOTALL)
    left = HYPHEN_FOR_MINUS.findall(text)

    assert len(left) <= sum(len(HYPHEN_FOR_MINUS.findall(part)) for part in code), left


def test_formulas_have_a_minus_and_code_keeps_its_hyphen(site: Path) -> None:
    text = words(site / links.METHODS)

    assert "Average linkage on 1 − area" in text
    assert "is below −0.8 for mean" in text
    assert "cluster_heads(1 - likeness.area).cluster" in text
