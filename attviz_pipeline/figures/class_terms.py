"""Differences of terms between classes: how often they are used, and their self-attention."""

import logging
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.figures import style
from attviz_pipeline.figures.class_heads import (
    GROUPINGS,
    LABEL_GROUPINGS,
    counts,
    family_of,
    found_by_test,
    group_name,
    is_unlabelled,
    limits_of_test,
    most_permutations,
    n_tested,
    no_term_found,
    not_compared,
)
from attviz_pipeline.figures.drawing import Drawing, Inputs, empty, finish
from attviz_pipeline.formats import plural, signed
from attviz_pipeline.significance import SIGNIFICANT

KIND = "class_terms"
LABEL_KIND = "label_terms"
MOST_GROUPS = 6
TERMS_OF_ALL_GROUPS = 36
N_NAMED = 4
INCHES_PER_ROW = 0.145
Columns = dict[str, list[Any]]
log = logging.getLogger(__name__)


def draw_class_terms(inputs: Inputs) -> Iterator[Drawing]:
    """Draw one figure per grouping: gold classes, predicted classes, misclassified against correctly classified.

    Raises:
        ArtifactError: The table of comparisons is unusable.
    """
    return _draw_all(inputs, KIND, GROUPINGS)


def draw_label_terms(inputs: Inputs) -> Iterator[Drawing]:
    """Draw one figure per grouping: gold labels, predicted labels, all labels right against all other documents.

    Raises:
        ArtifactError: The table of comparisons is unusable.
    """
    return _draw_all(inputs, LABEL_KIND, LABEL_GROUPINGS)


def _draw_all(inputs: Inputs, kind: str, groupings: Mapping[str, str]) -> Iterator[Drawing]:
    path = inputs.terms.class_terms
    facts, table = files.read_facts(path, term_schemas.CLASS_TERMS), files.read_table(path, term_schemas.CLASS_TERMS)
    compared = files.read_table(inputs.terms.class_heads, term_schemas.CLASS_HEADS, ["grouping"])["grouping"].unique()
    for grouping, what in groupings.items():
        if is_unlabelled(facts, grouping):
            continue
        name = f"{kind}-{grouping}"
        rows = table.filter(pc.equal(table["grouping"], grouping))
        top, n_left_out = _top(rows)
        shown = {group_name(grouping, group): mine for group, mine in top.items()}
        if not shown:
            reason = _reason_empty(facts, grouping, what, rows, compared=grouping in compared.to_pylist())
            log.warning("figure %s is empty: %s", name, reason)
            yield empty(reason, name=name, kind=kind, dpi=inputs.settings.dpi, columns=table.column_names)
            continue
        style.warn_of_missing_glyphs((term for group in shown.values() for term in group["term"]), log)
        yield finish(
            partial(_plot, shown),
            name=name,
            kind=kind,
            caption=_caption(grouping, what, rows, facts, n_left_out),
            alt=_alt(shown),
            columns=rows.to_pydict(),
            dpi=inputs.settings.dpi,
        )


def _reason_empty(facts: dict[str, Any], grouping: str, what: str, rows: pa.Table, *, compared: bool) -> str:
    if not compared:
        return not_compared(what)
    if not rows.num_rows:
        return f"Not compared: no term occurs in enough of the {what}."
    n_less = len(rows.filter(pc.less(rows["use_q"], SIGNIFICANT))["term"].unique())
    found = used_less_only(rows, n_less) if n_less else no_term_found(rows, "differs")
    return f"Compared: {what}. {found} (q < {SIGNIFICANT}).{limits_of_test(facts, grouping, 'use', 'attention')}"


def used_less_only(rows: pa.Table, n_less: int) -> str:
    """Say that the terms which differ in use are only those that a group uses less, which the figure leaves out.

    Args:
        rows: Rows of a grouping, of schema CLASS_TERMS; no term is used more, and none differs in self-attention.
        n_less: Terms that some group uses less.
    """
    n_use, n_attention = n_tested(rows)
    differ, are = ("differs", "is") if n_less == 1 else ("differ", "are")
    of_attention = f", and none of {n_attention:,} tested in self-attention differs" if n_attention else ""
    return (
        f"{n_less:,} of {plural(n_use, 'term')} tested in use {differ} beyond chance, and {are} used less in a group "
        f"than in the other documents; the figure shows terms that a group uses more{of_attention}"
    )


def _caption(grouping: str, what: str, rows: pa.Table, facts: dict[str, Any], n_left_out: int) -> str:
    left_out = f" The {MOST_GROUPS} largest groups with such terms are shown; {n_left_out} more are in the CSV."
    n_permutations = most_permutations(facts, grouping, "use", "attention")
    return (
        f"Terms in which {what} differ: terms that a group uses more, and terms whose self-attention "
        f"differs, with q < {SIGNIFICANT} (permutation tests with up to {n_permutations:,} permutations); "
        "filled marks: this difference is beyond chance. Left: log-odds of use in standard deviations, with an "
        "informative Dirichlet prior (Monroe et al. 2008); dot: occurrences counted, diamond: occurrences weighted by "
        "their self-attention relative to even attention, which is not tested. Right: Hedges' g of the term's "
        "self-attention over documents, adjusted for length, above 0 if it is higher in the group; no mark: fewer than "
        "two documents inside or outside."
        + found_by_test(*counts(rows, "use_q", family_of(facts, grouping, "use")), "in use")
        + found_by_test(*counts(rows, "q", family_of(facts, grouping, "attention")), "in self-attention")
        + limits_of_test(facts, grouping, "use", "attention")
        + (left_out if n_left_out else "")
    )


def _top(rows: pa.Table) -> tuple[dict[str, Columns], int]:
    """Return the terms in which groups differ beyond chance, and how many groups with such terms are not shown.

    Of each group, the terms with the largest z come first; the groups in which most terms' documents lie are shown.
    """
    more = pc.and_(pc.less(rows["use_q"], SIGNIFICANT), pc.greater(rows["log_odds_z"], 0))
    differ = rows.filter(pc.or_kleene(more, pc.less(rows["q"], SIGNIFICANT)))
    groups = {name: differ.filter(pc.equal(differ["group"], name)) for name in pc.unique(differ["group"]).to_pylist()}
    size = {name: pc.sum(rows.filter(pc.equal(rows["group"], name))["n_inside"]).as_py() for name in groups}
    largest = sorted(groups, key=lambda name: -size[name])[:MOST_GROUPS]
    n_terms = max(3, TERMS_OF_ALL_GROUPS // max(len(largest), 3))
    # The table is sorted by z within each group.
    shown = {name: mine.slice(0, n_terms).to_pydict() for name, mine in groups.items() if name in largest}
    return shown, len(groups) - len(shown)


def _alt(shown: dict[str, Columns]) -> str:
    groups = [f"{style.legible(group)}: {', '.join(_named(rows))}" for group, rows in shown.items()]
    return f"Dot plot of the terms in which groups differ beyond chance. {'; '.join(groups)}."


def _named(rows: Columns) -> list[str]:
    columns = (rows[name][:N_NAMED] for name in ("term", "log_odds_z", "use_q", "effect", "q"))
    return [
        f"“{style.legible(term)}” ({' and '.join(_differences(z, use_q, effect, q))})"
        for term, z, use_q, effect, q in zip(*columns, strict=True)
    ]


def _differences(z: float, use_q: float | None, effect: float | None, q: float | None) -> Iterator[str]:
    if use_q is not None and use_q < SIGNIFICANT:
        yield f"used {'more' if z > 0 else 'less'}, z = {signed(z, 1)}"
    if q is not None and effect is not None and q < SIGNIFICANT:
        yield f"{'higher' if effect > 0 else 'lower'} self-attention, g = {signed(effect)}"


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
    use.set_xlabel("use, z of log-odds\n(dot: counts, diamond: attention)")
    effect.set_xlabel("effect on self-attention,\nHedges' g")
    effect.tick_params(labelleft=False)
    return figure


def _plot_use(axes: Axes, rows: Columns, places: np.ndarray) -> None:
    plain, weighted = rows["log_odds_z"], rows["attention_log_odds_z"]
    axes.hlines(places, plain, weighted, color=style.LIGHT_BLUE, linewidth=1.6)
    axes.plot(weighted, places, "D", color=style.ORANGE, markersize=2.8, markerfacecolor="white", markeredgewidth=0.7)
    for place, z, q in zip(places, plain, rows["use_q"], strict=True):
        fill = style.BLUE if q is not None and q < SIGNIFICANT else "white"
        axes.plot([z], [place], "o", color=style.BLUE, markersize=3.4, markerfacecolor=fill, markeredgewidth=0.7)


def _plot_effect(axes: Axes, rows: Columns, places: np.ndarray) -> None:
    for place, effect, q in zip(places, rows["effect"], rows["q"], strict=True):
        if effect is not None:
            fill = style.BLUE if q is not None and q < SIGNIFICANT else "white"
            axes.plot(
                [effect], [place], "s", markersize=3.2, color=style.BLUE, markerfacecolor=fill, markeredgewidth=0.7
            )
