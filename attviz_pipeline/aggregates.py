"""Aggregates of self-attention over heads, each a function of one matrix.

There are two definitions: that of the paper (Škrlj et al., AttViz, Table 2), which is the default, and that of the
published viewer, whose code computes a different standard deviation and a different entropy.

Every function takes `attention`, [head, token]: the self-attention of h heads (all layers' heads stacked) to m tokens,
0..1, float64. It returns one value per token, [token]. What the schema, the stage, the pages and their scripts know of
an aggregate follows from the table at the end of this module.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.config.settings import Definition

Floats = NDArray[np.float64]
Formula = Callable[[Floats], Floats]
BINS_PER_UNIT = 100


def mean(attention: Floats) -> Floats:
    """Mean over heads, (1/h) sum_i A_ij, 0..1.

    Source: Škrlj et al., Table 2, "Mean".
    """
    values: Floats = attention.mean(axis=0)
    return values


def entropy(attention: Floats) -> Floats:
    """Entropy over heads, -(1/m_j) sum_i A_ij ln A_ij, in nats, >= 0.

    m_j is the number of distinct values in column j, as in the paper; 0 ln 0 counts as 0.

    Source: Škrlj et al., Table 2, "Entropy".
    """
    positive = np.where(attention > 0, attention, 1.0)
    total = -(positive * np.log(positive)).sum(axis=0)
    # A column of ones sums to -0.0; adding zero turns it into 0.
    values: Floats = total / count_distinct(attention) + 0.0
    return values


def std(attention: Floats) -> Floats:
    """Sample standard deviation over heads, sqrt((1/(h-1)) sum_i (A_ij - mean_j)^2), >= 0; 0 where h = 1.

    Source: Škrlj et al., Table 2, "Standard deviation".
    """
    n_rows = attention.shape[0]
    if n_rows == 1:
        return np.zeros(attention.shape[1])
    values: Floats = attention.std(axis=0, ddof=1)
    return values


def maximum(attention: Floats) -> Floats:
    """Largest value over heads, max_i A_ij, 0..1.

    Source: Škrlj et al., Table 2, "Elementwise Max".
    """
    values: Floats = attention.max(axis=0)
    return values


def minimum(attention: Floats) -> Floats:
    """Smallest value over heads, min_i A_ij, 0..1.

    Source: Škrlj et al., Table 2, "Elementwise Min".
    """
    values: Floats = attention.min(axis=0)
    return values


def population_std(attention: Floats) -> Floats:
    """Population standard deviation over heads, sqrt((1/h) sum_i (A_ij - mean_j)^2), >= 0.

    Source: AttViz's viewer, public/global.js, standardDeviation.
    """
    values: Floats = attention.std(axis=0)
    return values


def binned_entropy(attention: Floats) -> Floats:
    """Entropy of the bins that a token's values fall into, -(1/b_j) sum_k p_jk ln p_jk, in nats, >= 0.

    Bins are 0.01 wide, p_jk is the share of column j in bin k, and b_j the number of bins that are not empty. Not
    monotone in dispersion: b equally filled bins give ln(b)/b, which is largest for b = 3 and falls from there.

    Source: AttViz's viewer, public/custom/textual/textual.js, calcAggVector.
    """
    n_heads, n_tokens = attention.shape
    bins = np.floor(attention * BINS_PER_UNIT).astype(np.int64)
    per_token = BINS_PER_UNIT + 1  # the value 1 has a bin of its own
    keys, counts = np.unique(bins + per_token * np.arange(n_tokens), return_counts=True)
    token, share = keys // per_token, counts / n_heads
    total = np.bincount(token, weights=-share * np.log(share), minlength=n_tokens)
    # A single bin gives -0.0; adding zero turns it into 0.
    values: Floats = total / np.bincount(token, minlength=n_tokens) + 0.0
    return values


def count_distinct(attention: Floats) -> NDArray[np.int64]:
    """Count the distinct values of every column: the m_j of the paper's entropy."""
    ordered = np.sort(attention, axis=0)
    counts: NDArray[np.int64] = 1 + np.count_nonzero(np.diff(ordered, axis=0), axis=0)
    return counts


@dataclass(frozen=True)
class Aggregate:
    """One value per token over the heads of all layers.

    Args:
        title: Its full name, as the about page has it beside its formula.
        description: What it is by the paper's definition, for docs/artifacts.md.
        unit: Of its values: a unit, or their range; empty where neither says anything.
        column: Its place among the columns of a table of tokens, from the left.
        formulas: What computes it, by definition (`aggregates.definition`).
    """

    title: str
    description: str
    unit: str
    column: int
    formulas: Mapping[str, Formula]


def alike(formula: Formula) -> Mapping[str, Formula]:
    """One formula for both definitions."""
    return dict.fromkeys(get_args(Definition), formula)


AGGREGATES: Mapping[str, Aggregate] = {
    "mean": Aggregate("mean", "Mean over layers and heads", "0..1", 1, alike(mean)),
    "entropy": Aggregate(
        "entropy",
        "-(1/m_j) sum_i A_ij ln A_ij over layers and heads i, m_j the number of distinct values",
        "nats",
        3,
        {"paper": entropy, "attviz": binned_entropy},
    ),
    "std": Aggregate(
        "standard deviation",
        "Standard deviation, divided by h - 1",
        "",
        2,
        {"paper": std, "attviz": population_std},
    ),
    "max": Aggregate("maximum", "Maximum over layers and heads", "0..1", 5, alike(maximum)),
    "min": Aggregate("minimum", "Minimum over layers and heads", "0..1", 4, alike(minimum)),
}
"""Every aggregate by its name, which is its column in the artifact and what pages call it; in the order of menus."""

COLUMNS = tuple(sorted(AGGREGATES, key=lambda name: AGGREGATES[name].column))
"""Their names in the order of tables."""

DEFINITIONS: Mapping[str, Mapping[str, Formula]] = {
    definition: {name: aggregate.formulas[definition] for name, aggregate in AGGREGATES.items()}
    for definition in get_args(Definition)
}
"""The formulas of each definition."""
