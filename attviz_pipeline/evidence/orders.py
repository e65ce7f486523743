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
        ablations: Rows of the table `document_ablations`; the importance `measured` is the mean fall of the log
            probability without the head, of the gold class where it is known, else of the predicted class.
        gradients: Rows of the table `gradients`; the importance `gradient` is the mean absolute gradient at the head's
            gate, of the same class.
        self_attention: Mean self-attention of each head, [head].
        held_out: Positions of documents that must not decide, unless there are no others.
        random: Number of random orders, and their seed.

    Source: Michel, Levy and Neubig 2019, sections 2.2 and 4.
    """
    falls = mean_of_documents(ablations, "changes", "gold_changes", held_out)
    if falls is not None:
        yield Order("measured", None, _ascending(-falls))
    slopes = mean_of_documents(gradients, "head_gradients", "gold_head_gradients", held_out, absolute=True)
    if slopes is not None:
        yield Order("gradient", None, _ascending(slopes))
    yield Order("self_attention", None, _ascending(self_attention))
    (n_random, seed), n_heads = random, len(self_attention)
    for draw in range(n_random):
        keys = [seeded_rank(seed, f"{draw}\0{head}".encode()) for head in range(n_heads)]
        yield Order(RANDOM, draw, sorted(range(n_heads), key=keys.__getitem__))


def mean_of_documents(
    rows: Sequence[Row], predicted: str, gold: str, held_out: Collection[int], *, absolute: bool = False
) -> Floats | None:
    """Return the mean over documents of a column of heads, [head], or None if no document has one.

    Args:
        rows: Rows with `position`.
        predicted: Column of the predicted class.
        gold: Column of the gold class, taken where it is not null.
        held_out: Positions of documents that are left out, unless there are no others.
        absolute: Whether the mean is of absolute values.
    """
    found = [(row["position"], row[predicted] if row[gold] is None else row[gold]) for row in rows]
    there = [(position, np.asarray(values, np.float64)) for position, values in found if values is not None]
    chosen = [values for position, values in there if position not in held_out] or [values for _, values in there]
    if not chosen:
        return None
    means: Floats = np.mean(np.abs(chosen) if absolute else chosen, axis=0)
    return means


def numbers_switched_off(n_heads: int, n_sizes: int) -> list[int]:
    """Return evenly spaced numbers of heads, from 0 to all of them."""
    return sorted({round(n_heads * size / n_sizes) for size in range(n_sizes + 1)})


def _ascending(importance: Floats) -> list[int]:
    order: list[int] = np.argsort(importance, kind="stable").tolist()
    return order
