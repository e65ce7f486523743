"""The page of methods: the descriptions of the repository, in the site."""

import re
from pathlib import Path

import pytest

from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.figures.kinds import FIGURES
from attviz_pipeline.report.views import methods

DOCS = Path(__file__).parents[2] / "docs" / "statistics"
OF_THE_CODE = {"sentences"}  # the rules of the site's sentences, by function
EXPLAINED_BY_THEIR_CAPTIONS = {"top_tokens", "head_means", "word_cloud"}


def test_every_description_of_the_repository_is_a_chapter() -> None:
    chapters = methods.methods_view().chapters

    assert {chapter.anchor for chapter in chapters} == {path.stem for path in DOCS.glob("*.md")} - OF_THE_CODE
    for chapter in chapters:
        text = (DOCS / f"{chapter.anchor}.md").read_text(encoding="utf-8")
        assert text.startswith(f"# {chapter.title}\n")
        headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
        assert re.findall(r"<h3 id=\"[^\"]+\">(.*?)</h3>", chapter.body) == headings


def test_every_figure_leads_to_a_chapter_or_says_all_in_its_caption() -> None:
    chapters = {name: kind.chapter for name, kind in FIGURES.items()}

    assert {name for name, chapter in chapters.items() if chapter is None} == EXPLAINED_BY_THEIR_CAPTIONS
    assert set(chapters.values()) - {None} <= set(methods.CHAPTERS)


def test_links_stay_in_the_site_and_names_occur_once() -> None:
    page = "".join(chapter.body for chapter in methods.methods_view().chapters)
    anchors = re.findall(r'id="([^"]+)"', page)

    assert len(anchors) == len(set(anchors))
    assert {target.removeprefix("#") for target in re.findall(r'href="([^"]+)"', page)} <= set(methods.CHAPTERS)


def test_parts_that_hold_only_for_some_studies_are_left_out_of_others() -> None:
    every, none = (
        "".join(chapter.body for chapter in methods.methods_view(labelled=given, fine_tuned=given).chapters)
        for given in (True, False)
    )

    for part in ("model-confusion-matrix", "model-the-epoch-that-is-kept"):
        assert f'id="{part}"' in every
        assert f'id="{part}"' not in none
    assert 'id="model-confidence-and-the-entropy-of-attention"' in none
    assert "&lt;!--" not in every + none


def test_markup_in_a_description_stays_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tokens.md").write_text("# Title\n\n<script>alert(1)</script> [x](javascript:alert(1))\n")
    monkeypatch.setattr(methods, "_folder", lambda: tmp_path)
    monkeypatch.setattr(methods, "CHAPTERS", ("tokens",))
    [chapter] = methods.methods_view().chapters

    assert "<script>" not in chapter.body
    assert "&lt;script&gt;" in chapter.body
    assert "href" not in chapter.body


def test_missing_descriptions_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "PACKAGE", tmp_path / "attviz_pipeline")

    with pytest.raises(ArtifactError, match="descriptions of the statistics are missing"):
        methods.methods_view()
