"""What token scores and orders of heads are called, and how they are counted, in the site and in figures.

A score is a row of the table `faithfulness`. The mean self-attention of one layer is counted apart, as a layer.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from attviz_pipeline.formats import count, plural

SCORES: Mapping[str, str] = {
    "self_mean": "mean self-attention over heads",
    "self_max": "largest self-attention over heads",
    "self_layers": "mean self-attention in layer {}",
    "received": "attention received",
    "rollout": "attention rollout",
    "norm_weighted": "norm-weighted attention",
    "classifier_row": "attention from the token that the classifier reads",
    "gradient_x_input": "gradient x input",
    "gradient_norm": "norm of gradient x input",
    "leave_one_out": "leaving out one token",
    "random": "random order",
}
ORDERS: Mapping[str, str] = {
    "measured": "measured importance",
    "gradient": "gradient importance",
    "self_attention": "mean self-attention",
    "random": "random order",
}
REMOVAL: Mapping[str, str] = {"mask": "masked", "delete": "deleted", "hide": "hidden from attention"}
RANDOM = "random"
CIRCULAR = "Leaving out one token ranks tokens by the same removal that judges the ranking."
NEARLY_THE_SAME = 0.9
"""Smallest size of a rank correlation at which two orders are called alike, or nearly opposite: a convention."""

Row = Mapping[str, Any]


def rank_agreement(value: float, first: str, second: str) -> str:
    """Say how two measures of heads go together, where their rank correlation is beyond that of random orders.

    Args:
        value: Spearman's rank correlation over heads, -1..1.
        first: Name of one measure.
        second: Name of the other.
    """
    if abs(value) >= NEARLY_THE_SAME:
        how = f"The two rank heads {'alike' if value > 0 else 'in nearly opposite orders'}"
    else:
        how = f"Heads with higher {second} tend to have {'higher' if value > 0 else 'lower'} {first}"
    return f"{how}, more strongly than in 95 % of random orders."


def scores_and_layers(rows: Sequence[Row]) -> str:
    """Count scores and layers: 9 scores and 6 layers."""
    layers = [row for row in rows if _is_layer(row)]
    counts = [plural(len(rows) - len(layers), "score"), plural(len(layers), "layer")]
    return counts[0] if not layers else counts[1] if len(layers) == len(rows) else " and ".join(counts)


def which_of(some: Sequence[Row], rows: Sequence[Row]) -> str:
    """Name which of all scores and layers some are: 1 of 9 scores (attention rollout) and none of 6 layers."""
    return " and ".join(_of_kind(some, rows, of_layers=of_layers) for of_layers in sorted({*map(_is_layer, rows)}))


def _of_kind(some: Sequence[Row], rows: Sequence[Row], *, of_layers: bool) -> str:
    mine = [row for row in some if _is_layer(row) is of_layers]
    of = plural(sum(_is_layer(row) is of_layers for row in rows), "layer" if of_layers else "score")
    if not mine:
        return f"none of {of}"
    names = [str(row["layer"]) if of_layers else SCORES[row["score"]] for row in mine]
    return f"{count(len(mine))} of {of} ({', '.join(names)})"


def _is_layer(row: Row) -> bool:
    return row["layer"] is not None
