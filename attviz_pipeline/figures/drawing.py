"""What every figure is made of: its inputs, its images and words, and how they are stored."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attviz_pipeline.config import FiguresSettings


@dataclass(frozen=True)
class Inputs:
    """The artefacts and settings that figures are drawn from."""

    tokens: Path
    head_tokens: Path
    heads: Path
    settings: FiguresSettings
    seed: int


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

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the figure's files and return its entry in the list of figures."""
        names = {suffix: f"{self.name}.{suffix}" for suffix in ("svg", "png", "csv")}
        (folder / names["svg"]).write_text(self.svg, encoding="utf-8", newline="\n")
        (folder / names["png"]).write_bytes(self.png)
        (folder / names["csv"]).write_text(self._csv(), encoding="utf-8", newline="\n")
        described = ("name", "kind", "layer", "head", "caption", "alt", "width", "height")
        return {**{name: getattr(self, name) for name in described}, **names}

    def _csv(self) -> str:
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(zip(*self.columns.values(), strict=True))
        return buffer.getvalue()
