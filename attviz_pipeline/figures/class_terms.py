"""Differences of terms between classes: how often they are used, and their self-attention."""

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.figures import style
from attviz_pipeline.figures.class_heads import GROUPINGS, limits_of_test
from attviz_pipeline.figures.drawing import Drawing, Inputs, empty, finish
from attviz_pipeline.significance import SIGNIFICANT

KIND = "class_terms"
MOST_GROUPS = 6
TERMS_OF_ALL_GROUPS = 36
INCHES_PER_ROW = 0.145
Columns = dict[str, list[Any]]
log = logging.getLogger(__name__)


def draw_class_terms(inputs: Inputs) -> Iterator[Drawing]:
    """Draw one figure per grouping: gold classes, predicted classes, misclassified against correctly classified.

    Raises:
        ArtifactError: The table of comparisons is unusable.
    """
    path = inputs.terms.class_terms
    facts, table = files.read_facts(path, term_schemas.CLASS_TERMS), files.read_table(path, term_schemas.CLASS_TERMS)
    for grouping, what in GROUPINGS.items():
        name = f"{KIND}-{grouping}"
        rows = table.filter(pc.equal(table["grouping"], grouping))
        if not rows.num_rows:
            reason = "Too few terms or documents to compare " + what + "."
            log.warning("figure %s is empty: %s", name, reason)
            yield empty(reason, name=name, kind=KIND, dpi=inputs.settings.dpi, columns=table.column_names)
            continue
        yield _draw(name, grouping, rows, facts, inputs.settings.dpi)


def _draw(name: str, grouping: str, rows: pa.Table, facts: dict[str, Any], dpi: int) -> Drawing:
    shown, n_left_out = _top(rows)
    style.warn_of_missing_glyphs((term for group in shown.values() for term in group["term"]), log)
    return finish(
        lambda: _plot(shown),
        name=name,
        kind=KIND,
        caption=(
            f"The most over-used terms of each group, for {GROUPINGS[grouping]}. Left: log-odds of use in standard "
            "deviations, with an informative Dirichlet prior (Monroe et al. 2008); dot: occurrences counted, diamond: "
            "occurrences weighted by their self-attention relative to even attention. Right: Hedges' g of the term's "
            "self-attention over documents, adjusted for length, above 0 if it is higher in the group; filled: "
            f"q < {SIGNIFICANT} (permutation test with up to {facts['n_permutations']:,} permutations); no mark: fewer "
            "than two documents inside or outside."
            + limits_of_test(facts, grouping)
            + (f" The {MOST_GROUPS} largest groups are shown; {n_left_out} more are in the CSV." if n_left_out else "")
        ),
        alt=_alt(shown),
        columns=rows.to_pydict(),
        dpi=dpi,
    )


def _top(rows: pa.Table) -> tuple[dict[str, Columns], int]:
    """Return the most over-used terms of the groups in which most terms' documents lie, and how many groups are not."""
    groups = {name: rows.filter(pc.equal(rows["group"], name)) for name in pc.unique(rows["group"]).to_pylist()}
    largest = sorted(groups, key=lambda name: -pc.sum(groups[name]["n_inside"]).as_py())[:MOST_GROUPS]
    n_terms = max(3, TERMS_OF_ALL_GROUPS // max(len(largest), 3))
    # The table is sorted by z within each group.
    shown = {name: mine.slice(0, n_terms).to_pydict() for name, mine in groups.items() if name in largest}
    return shown, len(groups) - len(shown)


def _alt(shown: dict[str, Columns]) -> str:
    groups = [
        f"{style.legible(group)}: {', '.join(f'“{style.legible(term)}”' for term in rows['term'][:4])} "
        f"(z = {rows['log_odds_z'][0]:.1f} for the first)"
        for group, rows in shown.items()
    ]
    return f"Dot plot of the most over-used terms of each group. {'; '.join(groups)}."


def _plot(shown: dict[str, Columns]) -> Figure:
    labels, tops, place = [], [], 0.0
    for rows in shown.values():
        tops.append(place)
        labels += [(place + 1 + row, style.legible(term)) for row, term in enumerate(rows["term"])]
        place += len(rows["term"]) + 1.35
    figure = Figure(
        figsize=(style.WIDTH_INCHES, 0.6 + INCHES_PER_ROW * place),
        layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.04),
    )
    use, effect = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2])
    for axes in (use, effect):
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.axvline(0, color=style.MUTED, linewidth=0.6)
        axes.grid(axis="x", color=style.PALE, linewidth=0.5)
        axes.set_axisbelow(True)
        axes.locator_params(axis="x", nbins=5)
    for top, (group, rows) in zip(tops, shown.items(), strict=True):
        places = top + 1 + np.arange(len(rows["term"]))
        _plot_use(use, rows, places)
        _plot_effect(effect, rows, places)
        use.annotate(
            style.legible(group, style.LONGEST_CLASS),
            (0, top + 0.1),
            xycoords=("axes fraction", "data"),
            va="center",
            fontweight="bold",
        )
    use.set_yticks([place for place, _ in labels], [label for _, label in labels])
    use.set_ylim(place - 0.9, -0.6)
    use.set_xlabel("over-use, z of log-odds\n(dot: counts, diamond: attention)")
    effect.set_xlabel("effect on ln(n a),\nHedges' g")
    effect.tick_params(labelleft=False)
    return figure


def _plot_use(axes: Axes, rows: Columns, places: np.ndarray) -> None:
    plain, weighted = rows["log_odds_z"], rows["attention_log_odds_z"]
    axes.hlines(places, plain, weighted, color=style.LIGHT_BLUE, linewidth=1.6)
    axes.plot(weighted, places, "D", color=style.ORANGE, markersize=2.8)
    axes.plot(plain, places, "o", color=style.BLUE, markersize=3.4)


def _plot_effect(axes: Axes, rows: Columns, places: np.ndarray) -> None:
    for place, effect, q in zip(places, rows["effect"], rows["q"], strict=True):
        if effect is not None:
            fill = style.BLUE if q < SIGNIFICANT else "white"
            axes.plot(
                [effect], [place], "s", markersize=3.2, color=style.BLUE, markerfacecolor=fill, markeredgewidth=0.7
            )
