"""The gallery of figures."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attviz_pipeline.artifacts import files, output_schemas
from attviz_pipeline.artifacts.checksums import require_unchanged
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.report import links
from attviz_pipeline.report.sentences import figures as sentences
from attviz_pipeline.report.views.study import StudyView

INDEX = "figures.json"
TITLES = {
    None: "Overview",
    "tokens": "Tokens",
    "model": "Predictions",
    "head-profiles": "What heads attend to",
    "head-comparison": "Similarity of {heads}",
    "classes": "",
    "evidence": "Evidence",
    "models": "Models",
}
"""Chapters of the page, by the chapter of the methods that explains their figures. The task names that of classes."""
WORD_CLOUD = "word_cloud"
_FORMATS = ("svg", "png", "csv", "parquet")


@dataclass(frozen=True)
class FigureView:
    """One figure: addresses are relative to the site's root; `names_words` if picture or `alt` show words of texts.

    `chapter` is that of the methods which explains it, None where its caption is enough.
    `reason` is why there is nothing to draw, empty if there is.
    """

    name: str
    title: str
    kind: str
    layer: int | None
    head: int | None
    group: str | None
    caption: str
    alt: str
    width: int
    height: int
    svg: str
    png: str
    csv: str
    parquet: str
    head_page: str | None
    chapter: str | None
    names_words: bool
    reason: str

    def alt_shown(self, study: StudyView) -> str:
        """The alternative text, without words while the texts of the study are hidden."""
        return sentences.hidden_words() if study.sensitive and self.names_words else self.alt


@dataclass(frozen=True)
class FigureChapter:
    """Figures of one subject, with the address of what explains them, None where their captions are enough."""

    anchor: str
    title: str
    method: str | None
    figures: list[FigureView]


@dataclass(frozen=True)
class FiguresView:
    """The gallery: figures of the whole study in chapters, then one figure per head.

    `left_out` are those of the study that have nothing to show; `hints` are sentences.
    """

    hints: list[str]
    chapters: list[FigureChapter]
    left_out: list[FigureView]
    heads: list[FigureView]
    index: str = f"{links.FIGURE_FOLDER}/{INDEX}"


def read_figures(folder: Path) -> list[FigureView]:
    """Read the list of figures.

    Raises:
        ArtifactError: The list is missing or damaged, or names a file that is outside the folder, not there, or
            changed.
    """
    entries = files.read_json(folder / INDEX, output_schemas.FIGURES)["figures"]
    return [_figure(folder, entry) for entry in entries]


def figures_view(figures: Sequence[FigureView], study: StudyView, first: Sequence[str] = ()) -> FiguresView:
    """Put together the gallery.

    Args:
        figures: All figures.
        study: Facts of the study.
        first: Sentences that the page begins with.
    """
    of_study = [figure for figure in figures if figure.layer is None]
    return FiguresView(
        hints=[*first, sentences.opening(study)],
        chapters=list(_chapters([figure for figure in of_study if not figure.reason], study)),
        left_out=[figure for figure in of_study if figure.reason],
        heads=[figure for figure in figures if figure.layer is not None and not figure.reason],
    )


def _chapters(figures: Sequence[FigureView], study: StudyView) -> Iterator[FigureChapter]:
    for chapter, title in TITLES.items():
        found = [figure for figure in figures if figure.chapter == chapter]
        if found:
            method = f"{links.METHODS}#{chapter}" if chapter else None
            heading = title.format(heads=f"{study.head_noun}s") or study.task.nouns.capitalize()
            yield FigureChapter(f"chapter-{chapter or 'overview'}", heading, method, found)


def address_of(kind: str, figures: Sequence[FigureView]) -> str | None:
    """Where the gallery shows the first figure of a kind; None where there is none."""
    shown = (figure for figure in figures if figure.kind == kind and not figure.reason)
    return next((f"{links.FIGURES}#{figure.name}" for figure in shown), None)


def clouds_of_classes(figures: Sequence[FigureView]) -> dict[str, FigureView]:
    """The word clouds of classes or labels, by name."""
    return {figure.group: figure for figure in figures if figure.group is not None and not figure.reason}


def of_heads(figures: Sequence[FigureView]) -> dict[tuple[int, int], FigureView]:
    """The word clouds of heads, by layer and head."""
    clouds = (figure for figure in figures if figure.kind == WORD_CLOUD and not figure.reason)
    return {(one.layer, one.head): one for one in clouds if one.layer is not None and one.head is not None}


def addresses_of(kinds: Iterable[str], figures: Sequence[FigureView]) -> dict[str, str]:
    """Where the gallery shows the first figure of each of some kinds, without those that there are not."""
    found = {kind: address_of(kind, figures) for kind in kinds}
    return {kind: address for kind, address in found.items() if address}


def file_names(figures: Sequence[FigureView]) -> list[str]:
    """Names of all files that the gallery shows or offers."""
    shown = [figure for figure in figures if not figure.reason]
    return [INDEX, *(Path(getattr(figure, suffix)).name for figure in shown for suffix in _FORMATS)]


def _figure(folder: Path, entry: dict[str, Any]) -> FigureView:
    for suffix in _FORMATS:
        name = entry[suffix]
        if Path(name).name != name or not (folder / name).is_file():
            raise ArtifactError(f"{folder / INDEX} names {name!r}, which is no file of {folder}.", remedy=files.REBUILD)
    require_unchanged(folder, entry["sha256"])
    addresses = {suffix: f"{links.FIGURE_FOLDER}/{entry[suffix]}" for suffix in _FORMATS}
    layer, head = entry["layer"], entry["head"]
    page = links.head(layer, head) if layer is not None and head is not None else None
    return FigureView(
        name=entry["name"],
        title=entry["title"],
        kind=entry["kind"],
        layer=layer,
        head=head,
        group=entry["group"],
        caption=entry["caption"],
        alt=entry["alt"],
        width=entry["width"],
        height=entry["height"],
        svg=addresses["svg"],
        png=addresses["png"],
        csv=addresses["csv"],
        parquet=addresses["parquet"],
        head_page=page,
        chapter=entry["chapter"],
        names_words=entry["names_words"],
        reason=entry["reason"],
    )
