"""Terms whose use or self-attention goes with the values of a regression."""

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
from attviz_pipeline.figures import class_heads, style
from attviz_pipeline.figures.drawing import Drawing, Inputs, empty, finish
from attviz_pipeline.figures.value_heads import VALUES, found_by_test, not_compared
from attviz_pipeline.formats import signed
from attviz_pipeline.significance import SIGNIFICANT

KIND = "value_terms"
MOST_TERMS = 30
N_NAMED = 4
INCHES_PER_ROW = 0.145
Columns = dict[str, list[Any]]
log = logging.getLogger(__name__)


def draw_value_terms(inputs: Inputs) -> Iterator[Drawing]:
    """Draw one figure per value: the gold value, the predicted value, and the absolute error.

    Raises:
        ArtifactError: The table of comparisons is unusable.
    """
    path = inputs.terms.class_terms
    facts, table = files.read_facts(path, term_schemas.CLASS_TERMS), files.read_table(path, term_schemas.CLASS_TERMS)
    for grouping, value in VALUES.items():
        if class_heads.is_unlabelled(facts, grouping):
            continue
        name = f"{KIND}-{grouping}"
        rows = table.filter(pc.equal(table["grouping"], grouping))
        shown, n_left_out = _top(rows)
        if not shown["term"]:
            reason = _reason_empty(facts, grouping, value, rows)
            log.warning("figure %s is empty: %s", name, reason)
            yield empty(reason, name=name, kind=KIND, dpi=inputs.settings.dpi, columns=table.column_names)
            continue
        style.warn_of_missing_glyphs(shown["term"], log)
        yield finish(
            partial(_plot, shown),
            name=name,
            kind=KIND,
            caption=_caption(grouping, value, rows, facts, n_left_out),
            alt=_alt(shown, value),
            columns=rows.to_pydict(),
            dpi=inputs.settings.dpi,
        )


def _top(rows: pa.Table) -> tuple[Columns, int]:
    """Return the terms that go with the value beyond chance, the highest correlation first, and how many are left out.

    The terms with the largest correlation, of either sign, of use or of self-attention, are shown.
    """
    differ = rows.filter(
        pc.or_(
            pc.fill_null(pc.less(rows["use_q"], SIGNIFICANT), fill_value=False),
            pc.fill_null(pc.less(rows["q"], SIGNIFICANT), fill_value=False),
        )
    )
    correlations = [pc.fill_null(pc.abs(differ[name]), 0.0).to_numpy() for name in ("use_rho", "effect")]
    largest = np.argsort(-np.maximum(*correlations), kind="stable")[:MOST_TERMS]
    # The table is sorted by the correlation of use.
    shown = differ.take(pa.array(np.sort(largest)))
    return shown.to_pydict(), differ.num_rows - shown.num_rows


def _reason_empty(facts: Mapping[str, Any], grouping: str, value: str, rows: pa.Table) -> str:
    if grouping not in facts["effects"]:
        return not_compared(value)
    if not rows.num_rows:
        return f"Not compared: no term occurs in enough documents to be correlated with {value}."
    return (
        f"Compared: {value}. {class_heads.no_term_found(rows, 'goes with it')} (q < {SIGNIFICANT})."
        f"{class_heads.limits_of_test(facts, grouping, 'use', 'attention')}"
    )


def _caption(grouping: str, value: str, rows: pa.Table, facts: Mapping[str, Any], n_left_out: int) -> str:
    n_permutations = class_heads.most_permutations(facts, grouping, "use", "attention")
    of_use, of_attention = (
        class_heads.counts(rows, column, class_heads.family_of(facts, grouping, tests))
        for column, tests in (("use_q", "use"), ("q", "attention"))
    )
    return (
        f"Terms that go with {value}, with q < {SIGNIFICANT} (permutation tests with up to {n_permutations:,} "
        "permutations within strata of length); filled marks: this correlation is beyond chance. Left: Spearman's rho "
        f"of {value} with the term's share of the document's terms, over all documents. Right: the same with the "
        "term's self-attention, over the documents that contain it; no mark: fewer than five. Both given the number of "
        f"tokens; above 0: higher where {value} is higher."
        + found_by_test(*of_use, "of use")
        + found_by_test(*of_attention, "of self-attention")
        + class_heads.limits_of_test(facts, grouping, "use", "attention")
        + (f" {n_left_out:,} more such terms are in the CSV." if n_left_out else "")
    )


def _alt(shown: Columns, value: str) -> str:
    columns = (shown[name][:N_NAMED] for name in ("term", "use_rho", "use_q", "effect", "q"))
    named = [
        f"“{style.legible(term)}” ({' and '.join(_correlated(use, use_q, effect, q))})"
        for term, use, use_q, effect, q in zip(*columns, strict=True)
    ]
    n = len(shown["term"])
    return f"Dot plot of {n} {'term' if n == 1 else 'terms'} that go with {value} beyond chance: {', '.join(named)}."


def _correlated(use: float, use_q: float | None, effect: float | None, q: float | None) -> Iterator[str]:
    if use_q is not None and use_q < SIGNIFICANT:
        yield f"use, rho = {signed(use)}"
    if q is not None and effect is not None and q < SIGNIFICANT:
        yield f"self-attention, rho = {signed(effect)}"


def _plot(shown: Columns) -> Figure:
    n = len(shown["term"])
    figure = Figure(
        figsize=(style.WIDTH_INCHES, 0.7 + INCHES_PER_ROW * (n + 1)),
        layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.04),
    )
    use, attention = figure.subplots(1, 2, sharey=True, sharex=True)
    for axes, column, q, title in (
        (use, "use_rho", "use_q", "use,\nSpearman's rho"),
        (attention, "effect", "q", "self-attention,\nSpearman's rho"),
    ):
        _plot_correlations(axes, shown[column], shown[q])
        axes.set_xlabel(title)
    use.set_yticks(range(n), [style.legible(term) for term in shown["term"]])
    use.set_ylim(n - 0.4, -0.6)
    return figure


def _plot_correlations(axes: Axes, rho: list[float | None], q: list[float | None]) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.axvline(0, color=style.MUTED, linewidth=0.6)
    axes.grid(axis="x", color=style.PALE, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.locator_params(axis="x", nbins=5)
    for place, (value, of_test) in enumerate(zip(rho, q, strict=True)):
        if value is None or np.isnan(value):
            continue
        fill = style.BLUE if of_test is not None and of_test < SIGNIFICANT else "white"
        axes.hlines(place, 0, value, color=style.LIGHT_BLUE, linewidth=1.6)
        axes.plot([value], [place], "o", color=style.BLUE, markersize=3.4, markerfacecolor=fill, markeredgewidth=0.7)
