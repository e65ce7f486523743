"""Parts of every figure: inputs, images, caption and alternative text, and how they are stored."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.figure import Figure

from attviz_pipeline.artifacts.checksums import digest
from attviz_pipeline.artifacts.layout import (
    AssessmentPaths,
    ComparisonPaths,
    EvidencePaths,
    ModelsPaths,
    StatisticsPaths,
    TermPaths,
    table_path,
)
from attviz_pipeline.config.settings import FiguresSettings
from attviz_pipeline.figures import style
from attviz_pipeline.figures.head_names import HEADS, HeadNames
from attviz_pipeline.stages import DrawFigures

PROVENANCE_KEY = "attviz.provenance"


@dataclass(frozen=True)
class Inputs:
    """The artifacts and settings that figures are drawn from; `evidence` and `models` are None where there is none."""

    tokens: Path
    head_tokens: Path
    heads: Path
    terms: TermPaths
    comparison: ComparisonPaths
    head_profiles: Path
    assessment: AssessmentPaths
    evidence: EvidencePaths | None
    models: ModelsPaths | None
    settings: FiguresSettings
    seed: int
    names: HeadNames = HEADS

    @classmethod
    def below(
        cls,
        folder: Path,
        settings: DrawFigures,
        evidence: EvidencePaths | None = None,
        models: ModelsPaths | None = None,
    ) -> Self:
        """Name the artifacts in the folder of the statistics, and take the tables of evidence and of other models."""
        statistics = StatisticsPaths.below(folder)
        return cls(
            tokens=statistics.tokens,
            head_tokens=statistics.head_tokens,
            heads=statistics.heads,
            terms=TermPaths.below(folder),
            comparison=ComparisonPaths.below(folder),
            head_profiles=table_path(folder, "head_profiles"),
            assessment=AssessmentPaths.below(folder),
            evidence=evidence,
            models=models,
            settings=settings.figures,
            seed=settings.seed,
            names=HeadNames(imported=settings.imported),
        )


@dataclass(frozen=True)
class Drawing:
    """One finished figure.

    Attributes:
        name: File name without suffix.
        kind: Key of `FIGURES`.
        layer: Layer that it shows, 0-based, or None for all.
        head: Head that it shows, 0-based, or None for all.
        caption: What is drawn and how to read it.
        alt: What it shows, in words and numbers, for those who do not see it.
        svg: The figure as SVG.
        png: The figure as PNG.
        width: Width of the PNG in pixels.
        height: Height of the PNG in pixels.
        columns: The numbers drawn, by column name.
        figure: The figure as matplotlib's, which can be drawn again at another size; None where it has no such form.
        group: Class or label that it shows, or None.
        reason: Why there is nothing to draw; empty if there is. The picture then shows the reason.
    """

    name: str
    kind: str
    layer: int | None
    head: int | None
    caption: str
    alt: str
    svg: str
    png: bytes
    width: int
    height: int
    columns: Mapping[str, Sequence[Any]]
    figure: Figure | None = None
    reason: str = ""
    group: str | None = None

    def save(self, folder: Path, provenance: Mapping[str, Any]) -> dict[str, Any]:
        """Write the figure's files and return its entry in the list of figures.

        The Parquet file's metadata hold the provenance as JSON, under the key `attviz.provenance`.
        """
        names = {suffix: f"{self.name}.{suffix}" for suffix in ("svg", "png", "csv", "parquet")}
        (folder / names["svg"]).write_text(self.svg, encoding="utf-8", newline="\n")
        (folder / names["png"]).write_bytes(self.png)
        (folder / names["csv"]).write_text(self._csv(), encoding="utf-8", newline="\n")
        numbers = pa.table({name: pa.array(list(values)) for name, values in self.columns.items()})
        facts = json.dumps({"figure": self.name, **provenance}, sort_keys=True, ensure_ascii=False)
        pq.write_table(numbers.replace_schema_metadata({PROVENANCE_KEY: facts}), folder / names["parquet"])
        described = ("name", "kind", "layer", "head", "group", "caption", "alt", "reason", "width", "height")
        digests = {name: digest(folder / name) for name in names.values()}
        return {**{name: getattr(self, name) for name in described}, **names, "sha256": digests}

    def _csv(self) -> str:
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(zip(*self.columns.values(), strict=True))
        return buffer.getvalue()


def finish(  # noqa: PLR0913 - what a figure consists of, each part by its name
    plot: Callable[[], Figure],
    *,
    name: str,
    kind: str,
    caption: str,
    alt: str,
    columns: Mapping[str, Sequence[Any]],
    dpi: int,
) -> Drawing:
    """Plot a figure of the whole study in the house's style, and render it."""
    with style.house_style():
        figure = plot()
        with style.settled(figure):
            svg = style.render_svg(figure)
            png, width, height = style.render_png(figure, dpi)
    return Drawing(name, kind, None, None, caption, alt, svg, png, width, height, columns, figure)


def empty(reason: str, *, name: str, kind: str, dpi: int, columns: Sequence[str]) -> Drawing:
    """Return a figure that gives the reason why there is nothing to draw."""
    without_rows: dict[str, Sequence[Any]] = {column: [] for column in columns}
    drawn = finish(
        lambda: style.sentence(reason), name=name, kind=kind, caption=reason, alt=reason, columns=without_rows, dpi=dpi
    )
    return replace(drawn, reason=reason)
