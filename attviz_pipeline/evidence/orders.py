"""Orders in which heads are switched off, the least important first."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.strata import seeded_rank

Floats = NDArray[np.float64]
Row = Mapping[str, Any]

RANDOM = "random"


class Order(NamedTuple):
    """One order of heads."""

    name: str
    """The importance: measured, gradient, self_attention, or random."""
    draw: int | None
    """Number of the random order, else None."""
    heads: list[int]
    """layer * n_heads + head, the first to be switched off first."""


def head_orders(
    ablations: Sequence[Row],
    gradients: Sequence[Row],
    self_attention: Floats,
    held_out: Collection[int],
    random: tuple[int, int],
) -> Iterator[Order]:
    """Yield the orders of all importances that there are.

    Args:
        ablations: Rows of the table `document_ablations`; the importance `measured` is the mean absolute change of the
            log probability of the prediction, or of the predicted value, without the head, as in `head_importance`.
        gradients: Rows of the table `gradients`; the importance `gradient` is the mean absolute gradient of the same at
            the head's gate.
        self_attention: Mean self-attention of each head, [head].
        held_out: Positions of documents that must not decide, unless there are no others.
        random: Number of random orders, and their seed.

    Source: Michel, Levy and Neubig 2019, sections 2.2 and 4.
    """
    for name, rows, column in (("measured", ablations, "changes"), ("gradient", gradients, "head_gradients")):
        sizes = [(row["position"], np.abs(np.asarray(row[column]))) for row in rows if row[column] is not None]
        if (importance := mean_of_documents(sizes, held_out)) is not None:
            yield Order(name, None, _ascending(importance))
    yield Order("self_attention", None, _ascending(self_attention))
    (n_random, seed), n_heads = random, len(self_attention)
    for draw in range(n_random):
        keys = [seeded_rank(seed, f"{draw}\0{head}".encode()) for head in range(n_heads)]
        yield Order(RANDOM, draw, sorted(range(n_heads), key=keys.__getitem__))


def mean_of_documents(found: Sequence[tuple[int, Floats]], held_out: Collection[int]) -> Floats | None:
    """Return the mean over documents of what each head has, [head], or None without documents.

    Args:
        found: Positions of documents, and the values of their heads, [head].
        held_out: Positions of documents that are left out, unless there are no others.
    """
    chosen = [values for position, values in found if position not in held_out] or [values for _, values in found]
    if not chosen:
        return None
    means: Floats = np.mean(chosen, axis=0)
    return means


def numbers_switched_off(n_heads: int, n_sizes: int) -> list[int]:
    """Return evenly spaced numbers of heads, from 0 to all of them."""
    return sorted({round(n_heads * size / n_sizes) for size in range(n_sizes + 1)})


def _ascending(importance: Floats) -> list[int]:
    order: list[int] = np.argsort(importance, kind="stable").tolist()
    return order
