"""Self-attention by place in the document, layer by layer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc

from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.formats import significant

WIDTH, HEIGHT = 640, 140
Point = tuple[int, float]


@dataclass(frozen=True)
class TickView:
    """A labelled place on an axis, in drawing units; small screens have no room for the minor ones."""

    at: float
    label: str
    minor: bool = False


@dataclass(frozen=True)
class CurveView:
    """A layer's mean self-attention by position against that of all layers, as two paths; both axes are logarithmic."""

    width: int
    height: int
    layer_path: str
    all_path: str
    x_ticks: list[TickView]
    y_ticks: list[TickView]
    rows: list[tuple[int, float]]


@dataclass(frozen=True)
class Curves:
    """Points (first position of the bin, mean self-attention) of every layer; of all layers under None."""

    points: dict[int | None, list[Point]]

    def view(self, layer: int) -> CurveView | None:
        """Draw the curve of a layer; None where no term was found."""
        mine, together = self.points.get(layer, []), self.points.get(None, [])
        drawn = [value for points in self.points.values() for _, value in points if value > 0]
        if len(mine) < 2 or not drawn:
            return None
        low, high = 10 ** math.floor(math.log10(min(drawn))), 10 ** math.ceil(math.log10(max(drawn)))
        start, last = min(first for first, _ in together), max(first for first, _ in together)
        decades = range(round(math.log10(low)), round(math.log10(high)) + 1)
        places = [first for first in (0, 1, 3, 10, 30, 100, 300, 1000) if start <= first <= last]
        return CurveView(
            width=WIDTH,
            height=HEIGHT,
            layer_path=_path(mine, last, low, high),
            all_path=_path(together, last, low, high),
            x_ticks=[TickView(_x(place, last), str(place)) for place in places],
            y_ticks=[TickView(_y(10.0**decade, low, high), significant(10.0**decade, 1)) for decade in decades],
            rows=mine,
        )


def read_curves(path: Path) -> Curves:
    """Read the curves by position (schema CURVES).

    Raises:
        ArtifactError: The table is missing or damaged.
    """
    table = files.read_table(path, term_schemas.CURVES)
    points: dict[int | None, list[Point]] = {}
    for row in table.filter(pc.equal(table["axis"], "position")).to_pylist():
        points.setdefault(row["layer"], []).append((row["first"], row["attention"]))
    return Curves({layer: sorted(found) for layer, found in points.items()})


def _path(points: Sequence[Point], last: int, low: float, high: float) -> str:
    return "M" + "L".join(f"{_x(first, last)} {_y(value, low, high)}" for first, value in points)


def _x(first: int, last: int) -> float:
    return round(WIDTH * math.log(first + 1) / math.log(last + 2), 1)


def _y(value: float, low: float, high: float) -> float:
    return round(HEIGHT * (1 - math.log(max(value, low) / low) / math.log(high / low)), 1) if high > low else HEIGHT / 2
