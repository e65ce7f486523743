"""Terms with the highest self-attention, corrected for length, with 95 % intervals."""

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter

from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.figures import style
from attviz_pipeline.figures.drawing import Drawing, Inputs, empty, finish

KIND = "top_terms"
INCHES_PER_ROW = 0.152
INCHES_OF_LABELS = 0.68
LEVELS = {"token": "tokens", "word": "words", "lower_word": "words, in lower case,"}
COLUMNS = [
    *("term", "count", "document_frequency"),
    *("shrunken_log_ratio", "shrunken_log_ratio_low", "shrunken_log_ratio_high"),
    *("corrected_log_ratio", "corrected_log_ratio_low", "corrected_log_ratio_high"),
    *("log_ratio", "log_ratio_low", "log_ratio_high"),
    *("mean", "mean_low", "mean_high", "normalised", "normalised_low", "normalised_high"),
]
_SHRUNKEN = ("shrunken_log_ratio", "shrunken_log_ratio_low", "shrunken_log_ratio_high")
Columns = dict[str, list[Any]]
log = logging.getLogger(__name__)


def draw_top_terms(inputs: Inputs) -> Iterator[Drawing]:
    """Draw the shrunken log ratio and the mean of the top terms over all heads, with intervals.

    Raises:
        ArtifactError: The table of terms is unusable.
    """
    facts = files.read_facts(inputs.terms.terms, term_schemas.TERMS)
    table = files.read_table(inputs.terms.terms, term_schemas.TERMS)
    support = f"in at least {facts['min_document_frequency']} documents"
    dpi = inputs.settings.dpi
    if not table.num_rows:
        log.warning("figure %s is empty: no term occurs %s", KIND, support)
        yield empty(f"No term occurs {support}.", name=KIND, kind=KIND, dpi=dpi, columns=["rank", *COLUMNS])
        return
    rows = table.select(COLUMNS).slice(0, inputs.settings.n_tokens).to_pydict()
    style.warn_of_missing_glyphs(rows["term"], log)
    shown, average = len(rows["term"]), float(np.exp(facts["shrinkage"]["prior_mean"]))
    corrected = "corrected for length" if facts["length_curve"] != "none" else "not corrected for length"
    yield finish(
        lambda: _plot(rows, average),
        name=KIND,
        kind=KIND,
        caption=(
            "Self-attention relative to even attention, over all heads: 1 means 1/n in a text of n tokens, 2 twice "
            f"that; {corrected}. Shown: {shown:,} of {table.num_rows:,} {LEVELS[facts['level']]} that occur {support}, "
            "ranked by the geometric mean after shrinkage, which draws terms of few documents towards the average term "
            f"(dashed line, {average:.2g}). Dot: after shrinkage; line: 95 % posterior interval; ring: before "
            f"shrinkage. The first term is first in {facts['n_replicates_first']:,} of {facts['n_replicates']:,} "
            "bootstrap samples. Right: mean self-attention, not corrected for length, with the 95 % interval of the "
            "bootstrap over input rows (no line: all in one row)."
        ),
        alt=_alt(rows),
        columns={"rank": range(1, shown + 1), **rows},
        dpi=dpi,
    )


def _alt(rows: Columns) -> str:
    named = [
        f"“{style.legible(term)}” ({np.exp(value):.2g} times, from {np.exp(low):.2g} to {np.exp(high):.2g})"
        for term, value, low, high in zip(*(rows[name][:5] for name in ("term", *_SHRUNKEN)), strict=True)
    ]
    return (
        f"Dot plot with intervals of the {len(rows['term'])} terms with the highest self-attention relative to even "
        f"attention, after shrinkage. Highest: {', '.join(named)}."
    )


def _plot(rows: Columns, average: float) -> Figure:
    n_rows = len(rows["term"])
    figure = Figure(
        figsize=(style.WIDTH_INCHES, INCHES_OF_LABELS + INCHES_PER_ROW * max(n_rows, 3)),
        layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.04),
    )
    ratio, mean, numbers = figure.subplots(1, 3, sharey=True, width_ratios=[4.4, 2.6, 1.8])
    places = np.arange(n_rows)
    for axes in (ratio, mean, numbers):
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    _plot_ratio(ratio, rows, places, average)
    _plot_mean(mean, rows, places)
    _write_numbers(numbers, rows, places)
    ratio.set_yticks(places, [style.legible(term) for term in rows["term"]])
    ratio.set_ylim(n_rows - 0.4, -0.6)
    return figure


def _plot_ratio(axes: Axes, rows: Columns, places: np.ndarray, average: float) -> None:
    value, low, high = (np.exp(_numbers(rows[name])) for name in _SHRUNKEN)
    before = np.exp(_numbers(rows["corrected_log_ratio"]))
    axes.set_xscale("log")
    axes.axvline(average, color=style.MUTED, linewidth=0.8, linestyle="--")
    axes.hlines(places, low, high, color=style.LIGHT_BLUE, linewidth=2.6)
    axes.plot(before, places, "o", markersize=4.4, markerfacecolor="none", color=style.INK, markeredgewidth=0.6)
    axes.plot(value, places, "o", color=style.BLUE, markersize=3.2)
    every = np.concatenate([low, high, value, before, [average]])
    bottom, top = np.nanmin(every), np.nanmax(every)
    axes.set_xlim(bottom / 1.06, max(top, bottom * 1.2) * 1.06)
    axes.set_xticks(*style.log_ticks(*axes.get_xlim()))
    axes.minorticks_off()
    axes.set_xlabel("times even attention\n(95 % interval)")
    axes.grid(axis="x", color=style.PALE, linewidth=0.5)
    axes.set_axisbelow(True)


def _plot_mean(axes: Axes, rows: Columns, places: np.ndarray) -> None:
    low, high, value = (_numbers(rows[name]) for name in ("mean_low", "mean_high", "mean"))
    axes.hlines(places, low, high, color=style.PALE, linewidth=2.6)
    axes.plot(value, places, "o", color=style.MUTED, markersize=2.6)
    axes.set_xlim(0, float(np.nanmax(np.concatenate([high, value]))) * 1.06 or 1)
    axes.locator_params(axis="x", nbins=3)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:g}"))
    axes.set_xlabel("mean self-\nattention")
    axes.tick_params(labelleft=False)


def _write_numbers(axes: Axes, rows: Columns, places: np.ndarray) -> None:
    axes.set_xlim(0, 1)
    axes.set_axis_off()
    for x, heading, name in ((0.45, "docs", "document_frequency"), (1.0, "n", "count")):
        axes.text(x, -1, heading, ha="right", va="center", fontsize=6, color=style.MUTED)
        for place, number in zip(places, rows[name], strict=True):
            axes.text(x, place, f"{number:,}", ha="right", va="center", fontsize=6)


def _numbers(values: list[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
