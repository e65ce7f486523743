"""Orders in which heads are switched off, the least important first."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.strata import seeded_rank
from attviz_pipeline.tasks.task import Task

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


def head_orders(  # noqa: PLR0913 - one argument per importance
    task: Task[Any],
    ablations: Sequence[Row],
    gradients: Sequence[Row],
    self_attention: Floats,
    held_out: Collection[int],
    random: tuple[int, int],
) -> Iterator[Order]:
    """Yield the orders of all importances that there are.

    Args:
        task: The task of the study.
        ablations: Rows of the table `document_ablations`; the importance `measured` is the mean harm of switching off
            the head: the fall of the log probability of the gold value where it is known, else of the prediction; in
            regression the rise of the absolute error, else the absolute change of the value.
        gradients: Rows of the table `gradients`; the importance `gradient` is the mean absolute gradient at the head's
            gate, of the same log probability, or of the value.
        self_attention: Mean self-attention of each head, [head].
        held_out: Positions of documents that must not decide, unless there are no others.
        random: Number of random orders, and their seed.

    Source: Michel, Levy and Neubig 2019, sections 2.2 and 4.
    """
    harms = [(row["position"], task.harm(row["changes"], row["gold_changes"])) for row in ablations]
    if (harm := mean_of_documents(harms, held_out)) is not None:
        yield Order("measured", None, _ascending(harm))
    gates = [(row["position"], row.get("gold_head_gradients") or row["head_gradients"]) for row in gradients]
    sizes = [(position, np.abs(np.asarray(values, np.float64))) for position, values in gates if values is not None]
    if (slopes := mean_of_documents(sizes, held_out)) is not None:
        yield Order("gradient", None, _ascending(slopes))
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
