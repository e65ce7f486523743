"""The tokens with the highest mean self-attention (Škrlj et al., AttViz, Figure 5)."""

import logging
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter

from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.figures import style
from attviz_pipeline.figures.drawing import Drawing, Inputs, empty, finish
from attviz_pipeline.figures.ranking import COLUMNS, Ranking, rank_all_heads
from attviz_pipeline.figures.wording import counted, support, top_in_words

KIND = "top_tokens"
INCHES_PER_ROW = 0.152
INCHES_OF_LABELS = 0.62
log = logging.getLogger(__name__)


def draw_top_tokens(inputs: Inputs) -> Iterator[Drawing]:
    """Draw mean, spread and maximum of the top tokens over all heads.

    Raises:
        ArtifactError: The table of tokens is unusable.
    """
    ranking = rank_all_heads(inputs, inputs.settings.n_tokens)
    style.warn_of_missing_glyphs(ranking.columns["token"], log)
    if not ranking.n_eligible:
        reason = support(ranking, inputs)
        log.warning("figure %s is empty: %s", KIND, reason)
        yield empty(reason, name=KIND, kind=KIND, dpi=inputs.settings.dpi, columns=["rank", *COLUMNS])
        return
    yield finish(
        lambda: _plot(ranking),
        name=KIND,
        kind=KIND,
        dpi=inputs.settings.dpi,
        caption=_caption(ranking, inputs),
        alt=top_in_words("Dot plot", ranking, inputs),
        columns={"rank": range(1, len(ranking.columns["token"]) + 1), **ranking.columns},
    )


def _caption(ranking: Ranking, inputs: Inputs) -> str:
    n_heads = files.count_rows(inputs.heads, statistics_schemas.HEADS)
    return (
        f"Tokens with the highest mean self-attention over all {counted(n_heads, inputs.names.noun)} and all "
        f"occurrences. {support(ranking, inputs)} "
        "Dot: mean; line: one standard deviation to either side, cut at 0; square: largest single value. "
        "docs: documents that the token occurs in; n: its occurrences. Not corrected for length: even attention gives "
        "each of n tokens 1/n, so tokens of short texts tend to rank higher."
    )


def _plot(ranking: Ranking) -> Figure:
    n_rows = len(ranking.columns["token"])
    height = INCHES_OF_LABELS + INCHES_PER_ROW * max(n_rows, 3)
    figure = Figure(
        figsize=(style.WIDTH_INCHES, height), layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.04)
    )
    spread, largest, numbers = figure.subplots(1, 3, sharey=True, width_ratios=[5, 2, 1.9])
    rows = np.arange(n_rows)
    for axes in (spread, largest, numbers):
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    _plot_spread(spread, ranking, rows)
    _plot_largest(largest, ranking, rows)
    _write_numbers(numbers, ranking, rows)
    spread.set_yticks(rows, [style.legible(token) for token in ranking.columns["token"]])
    spread.set_ylim(n_rows - 0.4, -0.6)
    return figure


def _plot_spread(axes: Axes, ranking: Ranking, rows: np.ndarray) -> None:
    mean, std = (np.array(ranking.columns[name]) for name in ("mean", "std"))
    axes.hlines(rows, np.maximum(mean - std, 0), mean + std, color=style.LIGHT_BLUE, linewidth=2.6)
    axes.plot(mean, rows, "o", color=style.BLUE, markersize=3.6)
    axes.set_xlim(0, float((mean + std).max()) * 1.04 or 1)
    axes.locator_params(axis="x", nbins=4)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("mean ± std of\nself-attention")
    axes.grid(axis="x", color=style.PALE, linewidth=0.5)
    axes.set_axisbelow(True)


def _plot_largest(axes: Axes, ranking: Ranking, rows: np.ndarray) -> None:
    largest = np.array(ranking.columns["max"])
    axes.hlines(rows, 0, largest, color=style.PALE, linewidth=1)
    axes.plot(largest, rows, "s", color=style.MUTED, markersize=2.6)
    axes.set_xlim(0, 1.04)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_xlabel("max")
    axes.tick_params(labelleft=False)


def _write_numbers(axes: Axes, ranking: Ranking, rows: np.ndarray) -> None:
    axes.set_xlim(0, 1)
    axes.set_axis_off()
    for row, frequency, count in zip(
        rows, ranking.columns["document_frequency"], ranking.columns["count"], strict=True
    ):
        axes.text(0.42, row, f"{frequency:,}", ha="right", va="center", fontsize=6)
        axes.text(1.0, row, f"{count:,}", ha="right", va="center", fontsize=6)
    for x, heading in ((0.42, "docs"), (1.0, "n")):
        axes.text(x, -1, heading, ha="right", va="center", fontsize=6, color=style.MUTED)
