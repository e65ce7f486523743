"""What differs between heads of models with the same layout, paired over input rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis.inference import benjamini_hochberg
from attviz_pipeline.models_compared.model import QUANTITIES, Model
from attviz_pipeline.models_compared.paired import crossed_change, mean_change, sign_flip_p
from attviz_pipeline.models_compared.terms import correlations

Floats = NDArray[np.float64]
Columns = dict[str, Any]


def _places(own: Model) -> dict[str, Any]:
    layer, head = np.divmod(np.arange(len(own.terms.values)), own.n_heads)
    return {"layer": layer, "head": head}


def layer_means(model: Model) -> Columns:
    """Return the columns of `model_layers` of one model."""
    n_layers = model.n_layers
    columns: dict[str, Any] = {"model": [model.name] * n_layers, "layer": np.arange(n_layers)}
    for quantity, rows in model.rows.items():
        of_layers = _defined(rows).reshape(-1, n_layers, model.n_heads).mean(axis=2)
        found = mean_change(of_layers)
        columns |= {quantity: found.mean, f"{quantity}_low": found.low, f"{quantity}_high": found.high}
    return columns | {
        "attention_evenness": model.profiles.evenness.reshape(n_layers, model.n_heads).mean(axis=1),
        **model.effects.by_layer(n_layers),
    }


def head_changes(own: Model, other: Model, other_heads: Floats, n_flips: int, seed: int) -> Columns:
    """Return the columns of `model_heads` of one model with the layout of the own.

    Args:
        own: The study's own model.
        other: The other.
        other_heads: What other heads give: median correlation of terms with them, [head].
        n_flips: Random signs of a test.
        seed: Of the random signs.
    """
    columns: dict[str, Any] = {"model": [other.name] * len(own.terms.values), **_places(own)}
    for quantity in QUANTITIES:
        mine, theirs = _both(own.rows[quantity], other.rows[quantity])
        found = mean_change(mine - theirs)
        columns |= {
            f"own_{quantity}": mean_change(mine).mean,
            quantity: mean_change(theirs).mean,
            f"{quantity}_change": found.mean,
            f"{quantity}_change_low": found.low,
            f"{quantity}_change_high": found.high,
            f"{quantity}_p": sign_flip_p(mine - theirs, n_flips, seed),
        }
    return (
        columns
        | _q_of(columns)
        | {
            "own_role": own.profiles.role,
            "role": other.profiles.role,
            "n_terms": np.full(len(own.terms.values), len(own.terms.names)),
            "term_correlation": np.diagonal(correlations(own.terms.values, other.terms.values)),
            "other_heads_correlation": other_heads,
        }
    )


def fine_tuned_changes(tuned: Sequence[Model], pretrained: Model) -> Columns:
    """Return the columns of `fine_tuned_heads`.

    Args:
        tuned: At least two models that were fine-tuned alike, [model].
        pretrained: The model before.
    """
    columns: dict[str, Any] = _places(pretrained)
    for quantity in QUANTITIES:
        before, *after = _both(pretrained.rows[quantity], *(one.rows[quantity] for one in tuned))
        found = crossed_change(np.stack(after) - before)
        columns |= {
            f"{quantity}_change": found.mean,
            f"{quantity}_change_low": found.low,
            f"{quantity}_change_high": found.high,
            f"{quantity}_spread": found.spread,
            f"{quantity}_p": found.p,
        }
    return columns | _q_of(columns)


def _q_of(columns: Columns) -> Columns:
    """Adjust the tests of both quantities together."""
    q = benjamini_hochberg(np.stack([columns[f"{quantity}_p"] for quantity in QUANTITIES]))
    return {f"{quantity}_q": values for quantity, values in zip(QUANTITIES, q, strict=True)}


def _both(*every: Floats) -> list[Floats]:
    """Keep the rows that are defined in all models, [row, head]."""
    there = ~np.isnan(np.stack(every)).any(axis=(0, 2))
    return [rows[there] for rows in every]


def _defined(rows: Floats) -> Floats:
    return _both(rows)[0]
