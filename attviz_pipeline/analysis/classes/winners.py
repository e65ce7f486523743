"""How often the head that differs most does so again in random halves of the documents."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis.classes.effects import effect_variance
from attviz_pipeline.analysis.classes.groups import Effect, Permutations, Units
from attviz_pipeline.analysis.classes.ranks import among, centred_ranks, in_halves
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
    for found in _IN_HALVES[grouping.effect](values, units, permutations, _halves(units, permutations.halving_seed)):
        effects = np.abs(found[:, :n_groups])
        n_won += int(np.nan_to_num(effects, nan=-1.0).argmax() == feature * n_groups + group)
    return Winner(int(feature), int(group), n_won)


def _differences_in(values: Values, units: Units, permutations: Permutations, halves: list[Floats]) -> Iterator[Floats]:
    """Yield shrunken differences in each half of the units, [feature, group]."""
    squares = values.squares(units.of_documents @ np.column_stack(halves))
    for number, half in enumerate(halves):
        yield _effects(values, units, permutations, half, squares[:, number : number + 1])


def _correlations_in(
    values: Values, units: Units, permutations: Permutations, halves: list[Floats]
) -> Iterator[Floats]:
    """Yield partial rank correlations given the stratum of length in each half of the units, [feature, 1]."""
    grouping = permutations.grouping
    known = grouping.known
    features = list(among(values.features(), known))
    ranks = np.zeros((len(features), len(known)))
    for row, feature in zip(ranks, features, strict=True):
        row[feature.documents] = centred_ranks(feature.values)
    length = np.zeros(len(known))
    length[known] = centred_ranks(permutations.stratum_of_documents()[known])
    chosen = units.of_documents @ np.column_stack(halves)
    found = in_halves(ranks, grouping.members(grouping.number)[:, 0], length, chosen)
    return (column[:, None] for column in found.T)


def _halves(units: Units, seed: tuple[int, ...]) -> list[Floats]:
    """Return random halves of the units, stratified by number: 1 for a unit in the half, else 0, [unit]."""
    random = np.random.default_rng(seed)
    # Units that are in no compared group form a group of their own.
    group = units.number + 1
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


def _effects(values: Values, units: Units, permutations: Permutations, half: Floats, squares: Floats) -> Floats:
    """Return shrunken effects in some of the units, adjusted for length, [feature, group]."""
    grouping = permutations.grouping
    chosen = units.of_documents @ half
    members = grouping.members(grouping.number) * chosen[:, None]
    others = chosen[:, None] - members
    total, n = values.sums(np.column_stack([members, chosen]))
    inside, n_inside = total[:, :-1], n[:, :-1]
    outside, n_outside = total[:, -1:] - inside, n[:, -1:] - n_inside
    means, other_means = inside / np.maximum(n_inside, 1), outside / np.maximum(n_outside, 1)
    # What a document adds to the difference if groups are permuted within strata, on average. Half the documents are
    # in half as many strata.
    stratum = permutations.stratum_of_documents() // 2
    sizes = np.maximum(np.bincount(stratum, chosen), 1)
    chance = np.column_stack([np.bincount(stratum, column) / sizes for column in members.T])[stratum]
    of_group, of_others = np.maximum(members.sum(axis=0), 1), np.maximum(others.sum(axis=0), 1)
    weights = chance / of_group - (1 - chance) / of_others
    by_length = values.sums(weights * chosen[:, None]).total
    # Of a true difference, 1 - R^2 of the group on the strata is left.
    left = ((members - chance) ** 2 * chosen[:, None]).sum(axis=0) * (1 / of_group + 1 / of_others)
    within = np.maximum(squares - n_inside * means**2 - n_outside * other_means**2, 0.0)
    testable = (n_inside > 1) & (n_outside > 1)
    difference = (means - other_means - by_length) / np.where(left > 0, left, 1.0)
    effect = hedges_g(difference, within, n_inside.astype(np.int64), n_outside.astype(np.int64))
    of_units = units.members * half[:, None]
    n_units = np.broadcast_to(of_units.sum(axis=0)[None, :-1], effect.shape)
    variance = effect_variance(effect, left, n_units, half.sum() - n_units)
    shrunken = np.full(effect.shape, np.nan)
    shrunken[testable] = shrink_to_zero(effect[testable], variance[testable])
    return shrunken


_IN_HALVES: Mapping[Effect, Callable[..., Iterator[Floats]]] = {"g": _differences_in, "rho": _correlations_in}
