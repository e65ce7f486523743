"""The page of figures: what it shows, leaves out and says first."""

from dataclasses import replace
from pathlib import Path

import pytest
from html_page import Page
from site_visits import Visitor
from study_views import study_view

from attviz_pipeline.figures.kinds import FIGURES
from attviz_pipeline.report import links
from attviz_pipeline.report.render import Pages, templates_folder
from attviz_pipeline.report.sentences import figures as sentences
from attviz_pipeline.report.views.figures import TITLES, FigureView, address_of, figures_view, file_names, of_heads
from attviz_pipeline.report.views.methods import CHAPTERS

SHOWN = FigureView(
    name="reliability",
    title="Reliability <diagram>",
    kind="reliability",
    layer=None,
    head=None,
    group=None,
    caption="Accuracy by confidence.",
    alt="A diagram",
    width=320,
    height=200,
    svg="figures/reliability.svg",
    png="figures/reliability.png",
    csv="figures/reliability.csv",
    parquet="figures/reliability.parquet",
    head_page=None,
    chapter=None,
    names_words=False,
    reason="",
)
EMPTY = replace(
    SHOWN, name="confusion", kind="confusion", title="Confusion matrix", svg="figures/confusion.svg", reason="No label."
)
CLOUD = replace(
    SHOWN, name="word_cloud-L00-H00", kind="word_cloud", layer=0, head=0, head_page="h.html", reason="None."
)


def test_a_figure_with_nothing_to_show_is_one_sentence(tmp_path: Path) -> None:
    view = figures_view([SHOWN, EMPTY, CLOUD], study_view())
    Pages(templates_folder(), tmp_path, study_view()).write(links.FIGURES, "figures.html", view)

    page = Page(tmp_path / links.FIGURES)
    text = (tmp_path / links.FIGURES).read_text(encoding="utf-8")
    assert "Confusion matrix: No label." in page.text
    assert "Reliability &lt;diagram&gt;" in text
    assert not [address for _, address in page.addresses if "confusion" in address or "word_cloud" in address]
    assert [address for _, address in page.addresses if address.endswith("reliability.csv")]
    assert "Word clouds of the heads" not in page.text


def test_figures_stand_in_chapters_that_lead_to_their_method(tmp_path: Path) -> None:
    drawn = [
        replace(SHOWN, name="a", chapter="model"),
        replace(SHOWN, name="b"),
        replace(SHOWN, name="c", chapter="classes"),
    ]
    view = figures_view(drawn, study_view())
    Pages(templates_folder(), tmp_path, study_view()).write(links.FIGURES, "figures.html", view)

    titles = [(chapter.title, [figure.name for figure in chapter.figures]) for chapter in view.chapters]
    assert titles == [("Overview", ["b"]), ("Predictions", ["a"]), ("Classes", ["c"])]
    found = {address for _, address in Page(tmp_path / links.FIGURES).addresses}
    assert {"methods.html#model", "methods.html#classes", "#a", "#chapter-model"} <= found


def test_every_figure_has_a_chapter_of_the_page() -> None:
    assert {kind.chapter for kind in FIGURES.values()} == set(TITLES)
    assert set(TITLES) - {None} <= set(CHAPTERS)


def test_files_and_links_are_those_of_figures_that_show_something() -> None:
    assert file_names([EMPTY]) == ["figures.json"]
    assert address_of("confusion", [SHOWN, EMPTY]) is None
    assert address_of("reliability", [EMPTY, SHOWN]) == "figures.html#reliability"


def test_the_page_says_first_what_limits_all_figures() -> None:
    assert figures_view([], study_view(), ["One class."]).hints == ["One class.", sentences.opening(study_view())]


def test_the_opening_names_documents_heads_and_model() -> None:
    sentence = sentences.opening(study_view())

    assert sentence.startswith("Figures of 55 documents and of 72 heads of <bdi>bert</bdi>, fine-tuned for this study.")
    imported = sentences.opening(study_view(imported=True, n_layers=1, n_heads=1))
    assert "1 vector of <bdi>explanations.json</bdi>, which names no model" in imported
    assert sentences.hidden_words()


def test_clouds_of_heads_are_those_that_were_drawn() -> None:
    drawn = replace(CLOUD, reason="", head=1)
    of_all = replace(SHOWN, kind="word_cloud")
    assert of_heads([SHOWN, of_all, CLOUD, drawn]) == {(0, 1): drawn}


def test_a_picture_of_words_is_described_without_them_while_texts_are_hidden(site: Path, sensitive_site: Path) -> None:
    cloud = "figures/word_cloud-L01-H02.svg"
    alts = []
    for folder in (site, sensitive_site):
        for address in (links.head(1, 2), links.FIGURES):
            page = Page(folder / address)
            assert [name for _, name in page.addresses if name.endswith(cloud)]
            alts.append({value for tag, name, value in page.attributes if (tag, name) == ("img", "alt")})
    described, hidden = "Picture of word_cloud-L01-H02", sentences.hidden_words()
    assert [described in found for found in alts] == [True, True, False, False]
    assert [hidden in found for found in alts] == [False, False, True, True]


@pytest.mark.browser
def test_every_picture_is_there_for_paper_and_for_pictures_of_the_whole_page(site: Path, visitor: Visitor) -> None:
    page = visitor(site, viewport={"width": 800, "height": 100}).open(links.FIGURES)
    loaded = page.locator("img").evaluate_all("all => all.map((image) => image.complete && image.naturalWidth > 0)")
    assert len(loaded) == 8
    assert all(loaded)
