"""How often the head that differs most does so again in random halves of the documents."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis.classes.effects import effect_variance
from attviz_pipeline.analysis.classes.groups import Grouping, Permutations, Units
from attviz_pipeline.analysis.classes.values import Values
from attviz_pipeline.analysis.inference import hedges_g
from attviz_pipeline.analysis.shrinkage import shrink_to_zero

Floats = NDArray[np.float64]

N_HALVES = 100


@dataclass(frozen=True)
class Winner:
    """The feature and group with the largest shrunken effect, and in how many halves it has the largest again."""

    feature: int
    group: int
    n_won: int


def find_winner(
    values: Values, units: Units, permutations: Permutations, shrunken: Floats, significant: NDArray[np.bool_]
) -> Winner | None:
    """Find the largest |shrunken effect| among the significant ones; None if none is significant.

    Args:
        values: A value of every document for every feature.
        units: What is halved, group by group: input rows.
        permutations: Strata of length, and the seed.
        shrunken: Effects in all documents, [feature, group].
        significant: Whether they are significant, [feature, group].
    """
    grouping = permutations.grouping
    n_groups = 1 if grouping.is_of_two else len(grouping.groups)  # the rows of two groups mirror each other
    size = np.where(significant, np.abs(shrunken), -1.0)[:, :n_groups]
    feature, group = np.unravel_index(size.argmax(), size.shape)
    if size[feature, group] < 0:
        return None
    n_won = 0
    for half in _halves(units, permutations.halving_seed):
        effects = np.abs(_effects(values, grouping, units, permutations, half)[:, :n_groups])
        n_won += int(np.nan_to_num(effects, nan=-1.0).argmax() == feature * n_groups + group)
    return Winner(int(feature), int(group), n_won)


def _halves(units: Units, seed: tuple[int, ...]) -> list[Floats]:
    """Return random halves of the units, stratified by group: 1 for a unit that is in the half, else 0, [unit]."""
    random = np.random.default_rng(seed)
    # Units of groups that are not compared form a group of their own.
    group = (units.members[:, :-1] @ np.arange(1, units.members.shape[1])).astype(np.int64)
    halves = []
    for _ in range(N_HALVES):
        order = np.lexsort((random.random(len(group)), group))
        place = np.arange(len(group)) - np.searchsorted(group[order], group[order])
        # Of an odd number, either half gets one more.
        extra = random.integers(0, 2, group.max() + 1)[group[order]]
        half = np.zeros(len(group))
        half[order] = place < (np.bincount(group)[group[order]] + extra) // 2
        halves.append(half)
    return halves


def _effects(values: Values, grouping: Grouping, units: Units, permutations: Permutations, half: Floats) -> Floats:
    """Return shrunken effects in some of the units, adjusted for length, [feature, group]."""
    chosen = units.of_documents @ half
    members = grouping.members(grouping.number) * chosen[:, None]
    strata = permutations.strata_of_documents() * chosen[:, None]
    everything = np.column_stack([members, strata, chosen])
    total, n = values.sums(everything)
    n_groups = members.shape[1]
    inside, n_inside = total[:, :n_groups], n[:, :n_groups]
    outside, n_outside = total[:, -1:] - inside, n[:, -1:] - n_inside
    of_strata = total[:, n_groups:-1] / np.maximum(n[:, n_groups:-1], 1)
    means, others = inside / np.maximum(n_inside, 1), outside / np.maximum(n_outside, 1)
    by_length = of_strata @ (strata.T @ members / np.maximum(members.sum(axis=0), 1))
    by_length -= of_strata @ (
        strata.T @ (chosen[:, None] - members) / np.maximum((chosen[:, None] - members).sum(axis=0), 1)
    )
    squares = values.squares(chosen[:, None])
    within = np.maximum(squares - n_inside * means**2 - n_outside * others**2, 0.0)
    testable = (n_inside > 1) & (n_outside > 1)
    effect = hedges_g(means - others - by_length, within, n_inside.astype(np.int64), n_outside.astype(np.int64))
    of_units = units.members * half[:, None]
    n_units = np.broadcast_to(of_units.sum(axis=0)[None, :-1], effect.shape)
    variance = effect_variance(effect, n_units, half.sum() - n_units)
    shrunken = np.full(effect.shape, np.nan)
    shrunken[testable] = shrink_to_zero(effect[testable], variance[testable])
    return shrunken
