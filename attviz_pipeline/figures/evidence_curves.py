"""Evidence as curves beside their floor: token scores by share of tokens, and accuracy by the number of heads left.

In regression they are absolute changes of the predicted value, and the mean absolute error.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from attviz_pipeline.artifacts import evidence_schemas, files
from attviz_pipeline.evidence_words import CIRCULAR, ORDERS, RANDOM, REMOVAL, SCORES, scores_and_layers, which_of
from attviz_pipeline.figures import style
from attviz_pipeline.figures.drawing import Drawing, Inputs, empty, finish
from attviz_pipeline.figures.wording import counted, no_head_off
from attviz_pipeline.formats import significant
from attviz_pipeline.significance import SIGNIFICANT
from attviz_pipeline.tasks.measured import DIGITS, Scale
from attviz_pipeline.tasks.registry import task_of
from attviz_pipeline.tasks.task import Task

Row = Mapping[str, Any]

FAITHFULNESS, ABLATION = "faithfulness", "head_ablation"
PANELS = {
    "comprehensiveness": "without the highest ranks",
    "sufficiency": "with only the highest ranks",
}
PLOT_INCHES, ROW_INCHES = 2.1, 0.14
LONGEST_OF_TWO_COLUMNS = 32
MARKERS = ("", "o")
"""Of the first seven lines, and of the others, whose colours are the same."""


class Curve(NamedTuple):
    """The mean of one score or order at each place of the x axis."""

    title: str
    points: list[tuple[float, float]]
    is_floor: bool
    band: list[tuple[float, float, float]]
    """x, lower and upper bound."""


def draw_faithfulness(inputs: Inputs) -> Iterator[Drawing]:
    """Draw comprehensiveness and sufficiency of each token score by the share of tokens.

    Raises:
        ArtifactError: The table is unusable.
    """
    if inputs.evidence is None:
        return
    table = files.read_table(inputs.evidence.faithfulness, evidence_schemas.FAITHFULNESS)
    facts = files.read_facts(inputs.evidence.faithfulness, evidence_schemas.FAITHFULNESS)
    rows = [row for row in table.to_pylist() if row["grouping"] == "all"]
    if not rows:
        reason = "The faithfulness of token scores was not measured: no document of the sample has two tokens of text."
        yield empty(reason, name=FAITHFULNESS, kind=FAITHFULNESS, dpi=inputs.settings.dpi, columns=table.column_names)
        return
    n_most = max(row["n_documents"] for row in rows if row["score"] == RANDOM)
    shown = [row for row in rows if row["n_documents"] == n_most and row["layer"] is None]
    yield finish(
        lambda: _plot_faithfulness(shown, task_of(facts).scale),
        name=FAITHFULNESS,
        kind=FAITHFULNESS,
        dpi=inputs.settings.dpi,
        caption=_faithfulness_caption([row for row in rows if row["n_documents"] == n_most], facts, n_most),
        alt=_faithfulness_alt(shown, task_of(facts).scale),
        columns={name: [row[name] for row in rows] for name in table.column_names},
    )


def draw_head_ablation(inputs: Inputs) -> Iterator[Drawing]:
    """Draw the accuracy, or the mean absolute error, by the number of heads left, for each order of heads.

    Where no gold value is known, the share of predictions like those of the whole model takes its place, or the mean
    absolute change of the value.

    Raises:
        ArtifactError: The table is unusable.
    """
    if inputs.evidence is None:
        return
    schema, path = evidence_schemas.ABLATION_CURVES, inputs.evidence.ablation_curves
    table, facts = files.read_table(path, schema), files.read_facts(path, schema)
    rows = table.to_pylist()
    if not rows:
        yield empty(
            no_head_off(facts), name=ABLATION, kind=ABLATION, dpi=inputs.settings.dpi, columns=table.column_names
        )
        return
    yield finish(
        lambda: _plot_ablation(rows, task_of(facts)),
        name=ABLATION,
        kind=ABLATION,
        dpi=inputs.settings.dpi,
        caption=_ablation_caption(rows, facts),
        alt=_ablation_alt(rows, task_of(facts)),
        columns=table.to_pydict(),
    )


def _plot_faithfulness(rows: Sequence[Row], scale: Scale) -> Figure:
    figure = Figure(figsize=(style.WIDTH_INCHES, PLOT_INCHES), layout="constrained")
    panels = figure.subplots(1, 2)
    for axes, (measure, title) in zip(panels, PANELS.items(), strict=True):
        curves = _score_curves(rows, measure, scale)
        handles = _plot_curves(axes, curves)
        axes.set_title(title, fontsize=7)
        axes.set_xlabel("share of the tokens, %")
        axes.axhline(0, color=style.MUTED, linewidth=0.5)
    panels[0].set_ylabel(scale.with_unit(f"{scale.fall} of {scale.short}", ", "))
    _add_legend(figure, handles)
    return figure


def _plot_ablation(rows: Sequence[Row], task: Task[Any]) -> Figure:
    what, scale = _measured(rows, task), task.scale
    figure = Figure(figsize=(style.WIDTH_INCHES, PLOT_INCHES), layout="constrained")
    axes = figure.subplots()
    handles = _plot_curves(axes, _order_curves(rows, what, scale))
    axes.set_xlabel("heads left")
    axes.set_ylabel(_axis(what, scale))
    axes.set_ylim(*((-3, 103) if scale.shares else (0, None)))
    axes.invert_xaxis()
    axes.set_xticks(sorted({row["n_left"] for row in rows})[:: -(-len({row["n_left"] for row in rows}) // 9)])
    _add_legend(figure, handles)
    return figure


def _add_legend(figure: Figure, handles: Sequence[Line2D | Patch]) -> None:
    """Add a legend below, in as many columns as its longest name allows, and the height that it needs."""
    longest = max(len(str(handle.get_label())) for handle in handles)
    n_columns = 2 if longest <= LONGEST_OF_TWO_COLUMNS else 1
    figure.set_figheight(PLOT_INCHES + ROW_INCHES * -(-len(handles) // n_columns))
    figure.legend(
        handles=handles, loc="outside lower center", ncols=n_columns, frameon=False, fontsize=6, handlelength=2.6
    )


def _plot_curves(axes: Axes, curves: Sequence[Curve]) -> list[Line2D | Patch]:
    """Plot curves, the floor as a dashed line in its band, and return what stands in the legend."""
    handles: list[Line2D | Patch] = []
    number = 0
    for curve in curves:
        x, y = zip(*curve.points, strict=True)
        if curve.is_floor:
            [line] = axes.plot(x, y, color=style.MUTED, linewidth=1.2, linestyle=(0, (3, 1.5)), label=curve.title)
            handles.append(line)
            if curve.band:
                places, low, high = zip(*curve.band, strict=True)
                area = axes.fill_between(places, low, high, color=style.PALE, alpha=0.8, linewidth=0, zorder=0)
                handles.append(Patch(facecolor=area.get_facecolor(), label="its 95 % interval"))  # type: ignore[arg-type]
            continue
        style_number, round_number = number % len(style.CATEGORY_COLOURS), number // len(style.CATEGORY_COLOURS)
        [line] = axes.plot(
            x,
            y,
            color=style.CATEGORY_COLOURS[style_number],
            linestyle=style.CATEGORY_LINES[style_number],
            marker=MARKERS[min(round_number, 1)],
            markersize=2.5,
            linewidth=1.2,
            label=curve.title,
        )
        handles.append(line)
        number += 1
    axes.spines[["top", "right"]].set_visible(False)
    return handles


def _score_curves(rows: Sequence[Row], measure: str, scale: Scale) -> list[Curve]:
    """Return the curves of one measure, random last; shares are in percent and points."""
    mine = [row for row in rows if row["measure"] == measure and row["fraction"] is not None]
    names = sorted(dict.fromkeys(row["score"] for row in mine), key=lambda name: name == RANDOM)
    return [
        _curve(SCORES[name], [row for row in mine if row["score"] == name], ("fraction", 100), "mean", scale)
        for name in names
    ]


def _order_curves(rows: Sequence[Row], what: str, scale: Scale) -> list[Curve]:
    names = dict.fromkeys(row["order"] for row in rows)
    return [
        _curve(ORDERS[name], [row for row in rows if row["order"] == name], ("n_left", 1), what, scale)
        for name in names
    ]


def _curve(title: str, rows: Sequence[Row], x: tuple[str, int], name: str, scale: Scale) -> Curve:
    (along, factor), times = x, scale.factor
    ordered, is_floor = sorted(rows, key=lambda row: row[along]), title == SCORES[RANDOM]
    points = [(factor * row[along], times * row[name]) for row in ordered]
    # Student's t can reach beyond what a share, or the size of a change, can be.
    least = 0.0 if name in scale.measures or not scale.shares else -100.0
    most = 100.0 if scale.shares else np.inf
    band = [
        (factor * row[along], max(least, times * row[f"{name}_low"]), min(most, times * row[f"{name}_high"]))
        for row in ordered
        if is_floor and row[f"{name}_low"] is not None
    ]
    return Curve(title, points, is_floor, band)


def _faithfulness_caption(rows: Sequence[Row], facts: Row, n_documents: int) -> str:
    removed, n_random = REMOVAL[facts["removal"]], facts["random_rankings"]
    scale = task_of(facts).scale
    opening = (
        f"Mean {scale.fall} of {scale.fall_of} over {counted(n_documents, 'document')}, "
        f"{'in points (hundredths), ' if scale.shares else ''}by the share of tokens that are {removed}: "
        "left those that a score ranks highest "
        f"(comprehensiveness), right all others (sufficiency). The floor is {counted(n_random, 'random order')} of "
        "each document's tokens."
    )
    findings = [_against_floor(rows, measure) for measure in PANELS]
    if any(row["score"] == "leave_one_out" for row in rows):
        findings.append(CIRCULAR)
    return (
        f"{opening} {' '.join(findings)} Intervals: Student's t over input rows. The CSV has every interval, the "
        "differences from random, layers, and scores that were measured in fewer documents."
    )


def _against_floor(rows: Sequence[Row], measure: str) -> str:
    """Say which scores differ from random in the mean over all shares."""
    mine = [row for row in rows if row["measure"] == measure and row["fraction"] is None and row["score"] != RANDOM]
    tested = [row for row in mine if row["difference_q"] is not None]
    name = measure.capitalize()
    if not tested:
        return f"{name} was not compared with random order: no score has a test."
    found = [row for row in tested if row["difference_q"] < SIGNIFICANT]
    test = f"mean over all shares, q < {SIGNIFICANT:g}"
    if not found:
        return f"{name} is not shown to differ from random order for any of {scores_and_layers(tested)} ({test})."
    parts = [
        f"{side} it for {which_of(some, tested)}"
        for side, some in (
            ("above", [row for row in found if row["difference"] > 0]),
            ("below", [row for row in found if row["difference"] < 0]),
        )
        if some
    ]
    return f"Compared with random order, {measure} lies {' and '.join(parts)}; {test}."


def _faithfulness_alt(rows: Sequence[Row], scale: Scale) -> str:
    found = []
    for measure, words in PANELS.items():
        means = {
            row["score"]: _written(row["mean"], scale)
            for row in rows
            if row["measure"] == measure and row["fraction"] is None
        }
        floor = means.pop(RANDOM)
        values = ", ".join(f"{SCORES[name]} {value}" for name, value in means.items())
        found.append(f"{words}: {values or 'no score'}; random order {floor}")
    title = scale.with_unit(f"Mean {scale.fall} of {scale.short} over all shares", ", in ")
    return f"Two panels of curves. {title}, {'; '.join(found)}."


def _written(value: float, scale: Scale) -> str:
    return f"{value * 100:.1f}" if scale.shares else significant(value, DIGITS)


def _measured(rows: Sequence[Row], task: Task[Any]) -> str:
    with_gold, without_gold = task.judged_by
    return with_gold if rows[0]["n_labelled"] else without_gold


def _axis(what: str, scale: Scale) -> str:
    if what == "agreement":
        return "predictions as of the whole model, %"
    name = scale.measures[what].removeprefix("the ")
    return f"{name}, %" if scale.shares else name


def _ablation_caption(rows: Sequence[Row], facts: Row) -> str:
    task = task_of(facts)
    what, scale = _measured(rows, task), task.scale
    n = rows[0]["n_labelled" if what == task.judged_by[0] else "n_documents"]
    total = rows[0]["n_left"] + rows[0]["n_switched_off"]
    n_random = sum(order["order"] == RANDOM for order in facts["orders"])
    measured = scale.measures[what].removeprefix("the ")
    measured = measured[0].upper() + measured[1:]
    replaced = "zero" if facts["ablation"] == "zero" else "its mean over tokens"
    seen = [ORDERS[name] for name, apart in facts["held_out"].items() if not apart and _has(rows, name)]
    judged = (
        f" These documents also decided the order by {' and '.join(seen)}, which can look better than it is."
        if seen
        else ""
    )
    return (
        f"{measured} over {counted(n, 'document')} with heads switched off together, the least important first; the "
        f"output of each is replaced by {replaced}. The floor is {counted(n_random, 'random order')} of the "
        f"{counted(total, 'head')}. {_at_half(rows, what, total, scale)}{judged} Intervals: Student's t over input "
        "rows, "
        "each for one order and one number of heads."
    )


def _has(rows: Sequence[Row], order: str) -> bool:
    return any(row["order"] == order for row in rows)


def _at_half(rows: Sequence[Row], what: str, total: int, scale: Scale) -> str:
    """Say how far each order lies from random with about half of the heads left."""
    between = {row["n_left"] for row in rows if 0 < row["n_left"] < total}
    if not between:
        return "No number of heads between none and all was tried."
    half = min(between, key=lambda n_left: abs(n_left - total / 2))
    differences = [
        f"{ORDERS[row['order']]} {_with_interval(row, f'{what}_difference', scale)}"
        for row in rows
        if row["n_left"] == half and row["order"] != RANDOM
    ]
    left = scale.with_unit(f"Differences from random with {counted(half, 'head')} left", ", in ")
    return f"{left}: {'; '.join(differences)}."


def _with_interval(row: Row, name: str, scale: Scale) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    value = scale.signed(row[name])
    if low is None:
        return f"{value}, without an interval"
    shown = "" if low > 0 or high < 0 else ", not distinguished from zero" if low or high else ", 0 in every input row"
    return f"{value} (95 % interval {scale.signed(low)} to {scale.signed(high)}{shown})"


def _ablation_alt(rows: Sequence[Row], task: Task[Any]) -> str:
    what, scale = _measured(rows, task), task.scale
    named = scale.measures[what].removeprefix("the ") if what != "agreement" else "share of unchanged predictions"
    parts = []
    for curve in _order_curves(rows, what, scale):
        ends = [
            (curve.points[place][0], _end(curve.points[place][1], scale)) for place in (-1, len(curve.points) // 2, 0)
        ]
        (n_most, most), (n_middle, middle), (_, least) = ends
        parts.append(f"{curve.title} {most} with {n_most:.0f} heads, {middle} with {n_middle:.0f}, {least} with none")
    percent = " in percent" if scale.shares else ""
    title = f"{named[0].upper()}{named[1:]}{percent}"
    return f"Curves by the number of heads left, one per order. {title}: {'; '.join(parts)}."


def _end(value: float, scale: Scale) -> str:
    return f"{value:.0f}" if scale.shares else significant(value, DIGITS)
