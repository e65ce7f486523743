"""How macro F1 changes with the predictions, with bootstrap intervals over input rows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis.predictions.resampling import draw_weights

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def macro_f1_changes(  # noqa: PLR0913 - three kinds of predictions, and the settings of the bootstrap
    gold: Integers,
    whole: Integers,
    changed: Integers,
    members: NDArray[np.bool_],
    sources: Sequence[str],
    n_resamples: int,
    seed: int,
) -> tuple[Floats, Floats, Floats]:
    """Return macro F1 of changed predictions minus that of the whole model, and its 95 % percentile interval.

    Args:
        gold: Numbers of the gold values, rows of `members`, [document].
        whole: The same of the predictions of the whole model, [document].
        changed: The same without each head, [head, document].
        members: Which classes or labels each value has, [value, class]; the F1 of a class that neither occurs nor is
            predicted is 0, as in `metrics.json`.
        sources: The input row of each document, which is resampled as a whole.
        n_resamples: Number of resamples.
        seed: The same seed gives the same interval.

    Returns:
        Changes, lower and upper bounds, [head]; bounds are NaN with fewer than two input rows.
    """
    names, rows = np.unique(np.asarray(sources, dtype=str), return_inverse=True)
    weights = np.stack([np.ones(len(gold)), *draw_weights(rows, n_resamples, seed)])
    before = _macro_f1(members[gold], members[whole], weights)
    changes = np.stack([_macro_f1(members[gold], members[one], weights) - before for one in changed])
    if len(names) < 2:
        nothing = np.full(len(changes), np.nan)
        return changes[:, 0], nothing, nothing
    low, high = np.quantile(changes[:, 1:], [0.025, 0.975], axis=1)
    return changes[:, 0], low, high


def _macro_f1(is_gold: NDArray[np.bool_], is_predicted: NDArray[np.bool_], weights: Floats) -> Floats:
    """Return macro F1 of each resample, [resample], given who has which class, [document, class]."""
    hits = weights @ (is_gold & is_predicted)
    sizes = weights @ is_gold + weights @ is_predicted
    f1: Floats = np.divide(2 * hits, sizes, out=np.zeros_like(hits), where=sizes > 0).mean(axis=1)
    return f1
