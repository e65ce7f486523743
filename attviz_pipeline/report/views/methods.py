"""The page Methods: the chapters of docs/statistics/ as HTML."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.formats import MINUS

PACKAGE = Path(__file__).parents[2]
CHAPTERS = ("tokens", "documents", "classes", "head-comparison", "head-profiles", "model", "evidence", "models")
"""Files in docs/statistics/, in the order of the page."""
PART = re.compile(r"<!-- only with (?P<condition>[a-z -]+) -->\n(?P<text>.*?)<!-- end -->\n", re.DOTALL)
"""A part of a description that holds only for some studies; GitHub does not show the comments."""
HYPHEN_FOR_MINUS = re.compile(r"(?<= )-(?= )|(?<![\w-])-(?=\d)|(?<=\de)-(?=\d)")


@dataclass(frozen=True)
class Chapter:
    """One document: its title, its place on the page, and its text without the title."""

    title: str
    anchor: str
    body: Markup


@dataclass(frozen=True)
class MethodsView:
    """All chapters."""

    chapters: list[Chapter]


def methods_view(*, labelled: bool = True, fine_tuned: bool = True) -> MethodsView:
    """Read the descriptions of all statistics that a study can have.

    Args:
        labelled: Whether any document of the study has a gold value.
        fine_tuned: Whether the study fine-tunes its model.

    Raises:
        ArtifactError: They are not there, neither in the package nor in the checkout.
    """
    folder, holds = _folder(), {"gold values": labelled, "fine-tuning": fine_tuned}
    return MethodsView([_chapter(folder / f"{name}.md", holds) for name in CHAPTERS])


def _folder() -> Path:
    for folder in (PACKAGE / "_statistics", PACKAGE.parent / "docs" / "statistics"):
        if folder.is_dir():
            return folder
    raise ArtifactError(f"the descriptions of the statistics are missing: install attviz-pipeline again ({PACKAGE}).")


def _chapter(path: Path, holds: Mapping[str, bool]) -> Chapter:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    written = path.read_text(encoding="utf-8")
    tokens = markdown.parse(PART.sub(lambda part: part["text"] if holds[part["condition"]] else "", written))
    title, text = tokens[1].content, tokens[3:]
    _name_headings(text, path.stem)
    for token in text:
        _stay_on_the_page(token.children or [])
        _write_minus(token.children or [])
    return Chapter(title, path.stem, Markup(markdown.renderer.render(text, markdown.options, {})))  # noqa: S704 - ours


def _name_headings(tokens: Sequence[Token], chapter: str) -> None:
    for opening, inline, closing in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if opening.type == "heading_open":
            opening.tag = closing.tag = f"h{int(opening.tag[1]) + 1}"  # the page has a title of its own
            words = "".join(letter if letter.isalnum() else " " for letter in inline.content.lower()).split()
            opening.attrSet("id", "-".join([chapter, *words]))


def _write_minus(children: Sequence[Token]) -> None:
    """Write a true minus in formulas and numbers, and leave code as it is."""
    for token in children:
        if token.type == "text":
            token.content = HYPHEN_FOR_MINUS.sub(MINUS, token.content)


def _stay_on_the_page(children: Sequence[Token]) -> None:
    """Point links between the chapters to their anchors; remove links to pages that the site does not have."""
    for opening, closing in zip(children, children[2:], strict=False):
        if opening.type == "link_open":
            target = Path(str(opening.attrGet("href"))).stem
            if target in CHAPTERS:
                opening.attrSet("href", f"#{target}")
            else:
                opening.tag, closing.tag = "span", "span"
                opening.attrs.clear()
