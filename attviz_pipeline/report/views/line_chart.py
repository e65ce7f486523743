"""Line charts with two linear axes: lines, and the floor as a line in a band."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from attviz_pipeline.formats import MINUS, significant
from attviz_pipeline.report.views.curve import TickView

WIDTH, HEIGHT = 560, 220
N_STEPS = 6
SMALLEST = 1e-9
"""What the y axis reaches at least, so that a flat line of zeros has one."""
ROOM, ROOM_ON_A_PHONE = 40, 64
"""Units between two labels of the x axis, at least."""
Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """One line: its name in the legend, the name of its style, and its points."""

    title: str
    style: str
    points: list[Point]


@dataclass(frozen=True)
class Axis:
    """The x axis: its title, the places that have a label, and how to write one.

    `falling` axes go from the largest number to the smallest.
    """

    title: str
    places: Sequence[float]
    write: Callable[[float], str]
    falling: bool = False


@dataclass(frozen=True)
class LineView:
    """One line in drawing units."""

    title: str
    style: str
    path: str
    dots: list[Point]


@dataclass(frozen=True)
class LineChartView:
    """A chart in drawing units; `band` is the path of an area, None where there is none."""

    width: int
    height: int
    x_ticks: list[TickView]
    y_ticks: list[TickView]
    band: str | None
    lines: list[LineView]
    x_title: str
    alt: str


def line_chart(
    lines: Sequence[Line], band: Sequence[tuple[float, float, float]], axis: Axis, alt: str, *, shares: bool = True
) -> LineChartView | None:
    """Draw lines; None without a point.

    Args:
        lines: Points in numbers, x ascending.
        band: x, lower and upper bound of the floor.
        axis: The x axis.
        alt: What the chart shows, in words.
        shares: Whether the y axis has shares, which are written in hundredths, or any numbers.
    """
    points = [point for line in lines for point in line.points]
    if not points:
        return None
    heights = [y for _, y in points] + [bound for _, low, high in band for bound in (low, high)]
    top = max(*heights, 0.01 if shares else SMALLEST)
    step = _step(top - min(*heights, 0))
    low, high = math.floor(min(*heights, 0) / step), math.ceil(top / step)
    first, last = min(x for x, _ in points), max(x for x, _ in points)

    def across(x: float) -> float:
        share = (x - first) / (last - first) if last > first else 0.5
        return round(WIDTH * (1 - share if axis.falling else share), 1)

    def up(y: float) -> float:
        return round(HEIGHT * (1 - (y / step - low) / (high - low)), 1)

    def path(found: Sequence[Point]) -> str:
        return "M" + "L".join(f"{across(x)} {up(y)}" for x, y in found)

    edge = [(x, bound) for x, _, bound in band] + [(x, bound) for x, bound, _ in reversed(band)]
    return LineChartView(
        width=WIDTH,
        height=HEIGHT,
        x_ticks=_ticks([(across(x), axis.write(x)) for x in axis.places]),
        y_ticks=[TickView(up(n * step), _in_units(n * step * (100 if shares else 1))) for n in range(low, high + 1)],
        band=f"{path(edge)}Z" if edge else None,
        lines=[
            LineView(line.title, line.style, path(line.points), [(across(x), up(y)) for x, y in line.points])
            for line in lines
            if line.points
        ],
        x_title=axis.title,
        alt=alt,
    )


def _ticks(labels: Sequence[tuple[float, str]]) -> list[TickView]:
    """Leave out labels that would lie on the one before; those that would on a phone are minor."""
    shown: list[TickView] = []
    last = -math.inf
    for at, label in sorted(labels):
        if not shown or at - shown[-1].at >= ROOM:
            shown.append(TickView(at, label, minor=at - last < ROOM_ON_A_PHONE))
            last = last if shown[-1].minor else at
    return shown


def _step(spread: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that makes at most so many steps."""
    power = 10.0 ** math.floor(math.log10(spread / N_STEPS))
    return next(size * power for size in (1, 2, 5, 10) if size * power * N_STEPS >= spread * (1 - 1e-9))


def _in_units(value: float) -> str:
    return f"{value:.0f}".replace("-", MINUS) if abs(value - round(value)) < 1e-6 else significant(value, 2)
