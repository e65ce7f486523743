"""FUJI at every list length, for the most and the least similar pair of heads."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from attviz_pipeline.artifacts import comparison_schemas, files
from attviz_pipeline.figures import style
from attviz_pipeline.figures.drawing import Drawing, Inputs, empty, finish
from attviz_pipeline.figures.head_names import HeadNames
from attviz_pipeline.figures.likeness import pair_name, read_likeness

KIND = "fuji_curves"
TITLES = {"nearest": "most similar", "furthest": "least similar"}
SHORT_LIST = 10


def draw_fuji_curves(inputs: Inputs) -> Iterator[Drawing]:
    """Draw one panel per pair of heads.

    Raises:
        ArtifactError: A table of the comparison is unusable.
    """
    table = files.read_table(inputs.comparison.fuji_curves, comparison_schemas.FUJI_CURVES)
    facts = files.read_facts(inputs.comparison.fuji_curves, comparison_schemas.FUJI_CURVES)
    curves = [_curve(table, kind) for kind in TITLES if kind in table["kind"].unique().to_pylist()]
    if not curves:
        reason = next(read_likeness(inputs)).reason_empty
        yield empty(reason, name=KIND, kind=KIND, dpi=inputs.settings.dpi, columns=table.column_names)
        return
    yield finish(
        partial(_plot, curves, inputs.names),
        name=KIND,
        kind=KIND,
        caption=_caption(facts),
        alt=" ".join(_in_words(curve, inputs.names) for curve in curves),
        columns=table.to_pydict(),
        dpi=inputs.settings.dpi,
    )


def _curve(table: pa.Table, kind: str) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = table.filter(pc.equal(table["kind"], kind)).to_pydict()
    return columns


def _caption(facts: Mapping[str, Any]) -> str:
    return (
        "FUJI, the fuzzy Jaccard index of two heads' lists of the tokens with the highest self-attention, by list "
        f"length, over {facts['n_tokens']:,} tokens that occur in at least {facts['min_document_frequency']} "
        f"documents. Grey: mean and 95 % of {facts['n_permutations']} permutations of the tokens among those of "
        "similar frequency: the range of a pair taken at random. The pairs shown were chosen as the most and the least "
        "similar of all, so part of their distance from it is chance. At full length both lists contain every token, "
        "so all curves end at 1, including chance."
    )


def _name(curve: Mapping[str, Sequence[Any]], names: HeadNames) -> str:
    return pair_name({key: values[0] for key, values in curve.items()}, names)


def _in_words(curve: Mapping[str, Sequence[Any]], names: HeadNames) -> str:
    place = next((i for i, length in enumerate(curve["length"]) if length >= SHORT_LIST), len(curve["length"]) - 1)
    value, n_tokens = curve["value"][place], curve["length"][place]
    low, mean, high = (curve[name][place] for name in ("null_low", "null_mean", "null_high"))
    return (
        f"{names.noun.capitalize()}s {_name(curve, names)}, {TITLES[curve['kind'][0]]}: FUJI {value:.2f} for lists of "
        f"{n_tokens} tokens, where chance gives {mean:.2f} ({low:.2f} to {high:.2f})."
    )


def _plot(curves: Sequence[Mapping[str, Sequence[Any]]], names: HeadNames) -> Figure:
    figure = Figure(figsize=(style.WIDTH_INCHES, 1.75), layout="constrained")
    panels = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for axes, curve in zip(panels, curves, strict=True):
        _plot_curve(axes, curve, _name(curve, names))
    panels[0].set_ylabel("FUJI")
    _name_lines(panels[0], curves[0])
    figure.supxlabel("tokens on each list (log scale)", fontsize=7)
    return figure


def _plot_curve(axes: Axes, curve: Mapping[str, Sequence[Any]], pair: str) -> None:
    lengths = curve["length"]
    axes.fill_between(lengths, curve["null_low"], curve["null_high"], color=style.PALE, linewidth=0)
    axes.plot(lengths, curve["null_mean"], color=style.MUTED, linewidth=0.8, linestyle="--")
    axes.plot(lengths, curve["value"], color=style.BLUE, linewidth=1.3, marker="" if len(lengths) > 1 else "o")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.minorticks_off()
    axes.set_ylim(0, 1.02)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=style.PALE, linewidth=0.4)
    axes.set_axisbelow(True)
    axes.set_title(f"{TITLES[curve['kind'][0]]}\n{pair}", fontsize=7)


def _name_lines(axes: Axes, curve: Mapping[str, Sequence[Any]]) -> None:
    """Write what the lines are beside them, where they are far enough apart."""
    place = len(curve["length"]) // 3
    axes.annotate(
        "chance",
        (curve["length"][place], curve["null_low"][place]),
        xytext=(2, -7),
        textcoords="offset points",
        fontsize=6.5,
        color=style.MUTED,
    )
