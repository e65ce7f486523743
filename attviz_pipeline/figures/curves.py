"""Self-attention by position in the document and by length of the window, per layer."""

import logging
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.figures import style
from attviz_pipeline.figures.drawing import Drawing, Inputs, empty, finish

KIND = "curves"
FEWEST_OCCURRENCES = 20
AXES = {"position": "position in document, from 1", "length": "n, tokens in window"}
WORDS = {"position": "position", "length": "number of tokens in the window"}
log = logging.getLogger(__name__)


def draw_curves(inputs: Inputs) -> Iterator[Drawing]:
    """Draw the mean log ratio to even attention by position and by length.

    Raises:
        ArtifactError: The table of curves is unusable.
    """
    table = files.read_table(inputs.terms.curves, term_schemas.CURVES)
    shown = table.filter(pc.greater_equal(table["count"], FEWEST_OCCURRENCES))
    if not shown.num_rows:
        reason = f"No position or length has {FEWEST_OCCURRENCES} occurrences of terms."
        log.warning("figure %s is empty: %s", KIND, reason)
        yield empty(reason, name=KIND, kind=KIND, dpi=inputs.settings.dpi, columns=table.column_names)
        return
    yield finish(
        lambda: _plot(shown),
        name=KIND,
        kind=KIND,
        caption=(
            "Self-attention relative to even attention (geometric mean over occurrences and heads; 1 is 1/n) by the "
            "position of a term in its document, where the first token is 1, and by the number n of tokens in the "
            f"window that the model read. One line per layer, black for all heads. Bins with fewer than "
            f"{FEWEST_OCCURRENCES} occurrences are only in the CSV."
        ),
        alt=_alt(shown),
        columns=table.to_pydict(),
        dpi=inputs.settings.dpi,
    )


def _lines(table: pa.Table, axis: str) -> dict[int | None, tuple[np.ndarray, np.ndarray]]:
    """Return first values of bins and times even attention by layer; None stands for all heads."""
    lines = {}
    of_axis = table.filter(pc.equal(table["axis"], axis))
    for layer in pc.unique(of_axis["layer"]).to_pylist():
        here = pc.is_null(of_axis["layer"]) if layer is None else pc.equal(of_axis["layer"], layer)
        rows = of_axis.filter(here)
        lines[layer] = rows["first"].to_numpy(), np.exp(rows["log_ratio"].to_numpy())
    return lines


def _plot(table: pa.Table) -> Figure:
    n_layers = max(layer for layer in table["layer"].to_pylist() if layer is not None) + 1
    colours, scale = style.layer_colours(n_layers)
    figure = Figure(figsize=(style.WIDTH_INCHES, 2.35), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (axis, label) in zip(panels, AXES.items(), strict=True):
        for layer, (first, ratio) in _lines(table, axis).items():
            colour, width = (style.INK, 1.7) if layer is None else (colours[layer], 0.9)
            axes.plot(
                first + (axis == "position"),
                ratio,
                color=colour,
                linewidth=width,
                marker="o",
                markersize=1.6 if len(first) < 3 else 0,
            )
        _set_scales(axes, label)
    panels[0].set_ylabel("times even attention")
    bar = figure.colorbar(scale, ax=panels, location="top", aspect=40, shrink=0.7)
    bar.outline.set_visible(False)
    bar.set_ticks(style.layer_ticks(n_layers))
    bar.ax.minorticks_off()
    bar.set_label("layer (black: all)")
    return figure


def _set_scales(axes: Axes, label: str) -> None:
    axes.axhline(1, color=style.MUTED, linewidth=0.6, linestyle=(0, (4, 2)))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(label)
    axes.set_xticks(*style.log_ticks(*axes.get_xlim(), most=5))
    axes.set_yticks(*style.log_ticks(*axes.get_ylim()))
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)


def _alt(table: pa.Table) -> str:
    ranges = []
    for axis, words in WORDS.items():
        first, ratio = _lines(table, axis).get(None, (np.empty(0), np.empty(0)))
        if not len(first):
            continue
        places = first + (axis == "position")
        ends = f"{ratio[0]:.2g} times even attention at {places[0]}"
        ranges.append(f"by {words}: {ends}" + (f", {ratio[-1]:.2g} times at {places[-1]}" if len(first) > 1 else ""))
    return f"Two panels of curves, one per layer. Self-attention over all heads {'; '.join(ranges)}."
