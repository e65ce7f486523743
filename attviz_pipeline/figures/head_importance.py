"""Importance of heads: how much the prediction changes without each, against two measures that cost less."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from attviz_pipeline.artifacts import evidence_schemas, files
from attviz_pipeline.evidence_words import ORDERS, rank_agreement
from attviz_pipeline.figures import style
from attviz_pipeline.figures.drawing import Drawing, Inputs, empty, finish
from attviz_pipeline.figures.head_grid import head_matrix, plot_grid
from attviz_pipeline.figures.wording import counted, no_head_off
from attviz_pipeline.formats import head_name, signed
from attviz_pipeline.tasks.measured import Scale
from attviz_pipeline.tasks.registry import task_of

Columns = Mapping[str, Sequence[Any]]
Row = Mapping[str, Any]

KIND = "head_importance"
PARTS = ("grid", "scatter")
AXES = {
    "gradient": "mean |gradient|",
    "self_attention": "mean self-attention, %",
}
N_NAMED = 3


def draw_head_importance(inputs: Inputs) -> Iterator[Drawing]:
    """Draw the measured importance of every head as a grid, and against gradients and self-attention.

    Raises:
        ArtifactError: The table is unusable.
    """
    if inputs.evidence is None:
        return
    schema, path = evidence_schemas.HEAD_IMPORTANCE, inputs.evidence.head_importance
    columns, facts = files.read_table(path, schema).to_pydict(), files.read_facts(path, schema)
    common: dict[str, Any] = {"kind": KIND, "dpi": inputs.settings.dpi}
    if not facts["n_measured"]:
        for part in PARTS:
            yield empty(no_head_off(facts), name=f"{KIND}-{part}", columns=list(columns), **common)
        return
    layer, head, measured = (np.array(columns[name]) for name in ("layer", "head", "measured"))
    matrix, scale = head_matrix(layer, head, measured), task_of(facts).scale
    unit = ", hundredths of a nat" if scale.shares else ""
    yield finish(
        lambda: plot_grid(matrix * scale.factor, f"{_change(scale)}{unit} (log scale)"),
        name=f"{KIND}-grid",
        caption=_grid_caption(matrix, facts),
        alt=_grid_alt(matrix, scale),
        columns=columns,
        **common,
    )
    yield finish(
        lambda: _plot_scatter(columns, facts["correlations"], scale),
        name=f"{KIND}-scatter",
        caption=_scatter_caption(facts),
        alt=_scatter_alt(facts["correlations"], len(layer)),
        columns=columns,
        **common,
    )


def _change(scale: Scale) -> str:
    return f"mean |change of {scale.log_name}|"


def _grid_caption(matrix: NDArray[np.float64], facts: Row) -> str:
    scale = task_of(facts).scale
    of, unit = (f"ln p, {scale.log},", ", in hundredths of a nat") if scale.shares else (scale.log, "")
    return (
        f"Measured importance over {counted(facts['n_measured'], 'document')}: mean absolute change of {of} when the "
        f"head is switched off{unit}. It is above 0 for every head, also by chance: compare heads with each other. The "
        f"median of all heads is {scale.factor * np.median(matrix):.2g}."
    )


def _grid_alt(matrix: NDArray[np.float64], scale: Scale) -> str:
    n_layers, n_heads = matrix.shape
    order = np.argsort(-matrix, axis=None, kind="stable")[:N_NAMED]
    named = [f"{head_name(*divmod(int(place), n_heads))} ({scale.factor * matrix.flat[place]:.2g})" for place in order]
    unit = ", in hundredths of a nat" if scale.shares else ""
    return (
        f"Heat map of {counted(n_layers, 'layer')} by {counted(n_heads, 'head')}. Most important{unit}: "
        f"{', '.join(named)}; median {scale.factor * np.median(matrix):.2g}."
    )


def _plot_scatter(columns: Columns, correlations: Sequence[Row], scale: Scale) -> Figure:
    n_layers = max(columns["layer"]) + 1
    colours, layers = style.layer_colours(n_layers)
    figure = Figure(figsize=(style.WIDTH_INCHES, 2.5), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, name in zip(panels, AXES, strict=True):
        if columns[name][0] is None:
            axes.text(0.5, 0.5, "not measured", ha="center", va="center", transform=axes.transAxes)
        else:
            factor = 100 if name == "self_attention" else 1
            x = factor * np.array(columns[name], np.float64)
            _plot_points(axes, x, np.array(columns["measured"], np.float64), colours[columns["layer"]])
        axes.set_title(_short(_of(correlations, name)).replace(" (", "\n("), fontsize=6.5)
        axes.set_xlabel(AXES[name])
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel(scale.with_log_unit(_change(scale), ", "))
    bar = figure.colorbar(layers, ax=panels, location="bottom", aspect=40, shrink=0.7)
    bar.outline.set_visible(False)
    bar.set_ticks(style.layer_ticks(n_layers))
    bar.ax.minorticks_off()
    bar.set_label("layer")
    return figure


def _plot_points(axes: Axes, x: NDArray[np.float64], y: NDArray[np.float64], colours: NDArray[np.float64]) -> None:
    axes.scatter(x, y, s=9, c=colours, edgecolors=style.MUTED, linewidths=0.2)
    for values, set_scale in ((x, axes.set_xscale), (y, axes.set_yscale)):
        if (values > 0).all():
            set_scale("log")
    axes.minorticks_off()
    if axes.get_xscale() == "log":
        axes.set_xticks(*style.log_ticks(*axes.get_xlim(), most=4))
    if axes.get_yscale() == "log":
        axes.set_yticks(*style.log_ticks(*axes.get_ylim(), most=5))


def _of(correlations: Sequence[Row], name: str) -> Row | None:
    return next((row for row in correlations if set(row["measures"]) == {"measured", name}), None)


def _short(row: Row | None) -> str:
    if row is None or row["value"] is None:
        return "no rank correlation"
    if row["low"] is None:
        return f"Spearman's rho {signed(row['value'])}"
    return f"Spearman's rho {signed(row['value'])} ({signed(row['low'])} to {signed(row['high'])})"


def _scatter_caption(facts: Row) -> str:
    scale = task_of(facts).scale
    gradient = f", mean |gradient| of {scale.log_name} at its output over {counted(facts['n_gradient'], 'document')}"
    findings = " ".join(_finding(_of(facts["correlations"], name), name) for name in AXES)
    return (
        f"Each point is a head: {_change(scale)} without it over {counted(facts['n_measured'], 'document')}"
        f"{gradient if facts['n_gradient'] else ''}, and mean self-attention over all documents. {findings} Intervals: "
        "95 %, bootstrap over input rows."
    )


def _finding(row: Row | None, name: str) -> str:
    pair = f"{ORDERS['measured']} and {ORDERS[name]}"
    if row is None or row["value"] is None or row["by_chance"] is None:
        return f"The ranks by {pair} were not compared: one of them is missing or the same for all heads."
    heads = counted(row["n_heads"], "head")
    interval = "" if row["low"] is None else f" ({signed(row['low'])} to {signed(row['high'])})"
    sentence = (
        f"Spearman's rank correlation of {pair} over {heads} is {signed(row['value'])}{interval}; for 95 % of random "
        f"orders it is between {signed(-row['by_chance'])} and {signed(row['by_chance'])}"
    )
    if row["low"] is None:
        return f"{sentence}."
    apart = row["low"] > 0 or row["high"] < 0
    if apart and abs(row["value"]) > row["by_chance"]:
        return f"{sentence}. {rank_agreement(row['value'], ORDERS['measured'], ORDERS[name])}"
    return f"{sentence}: no association is shown."


def _scatter_alt(correlations: Sequence[Row], n_heads: int) -> str:
    parts = [f"against {ORDERS[name]}: {_short(_of(correlations, name))}" for name in AXES]
    return f"Two scatter plots of {counted(n_heads, 'head')}. Measured importance {'; '.join(parts)}."
