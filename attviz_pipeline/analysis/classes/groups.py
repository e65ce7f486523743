"""How documents are compared, by groups or by a value, and permutations of documents."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from attviz_pipeline.analysis.terms.corpus import Documents

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

Effect = Literal["g", "rho"]
"""Measure of a difference: Hedges' g between groups, or Spearman's rank correlation with a value."""

NO_GROUP = -1
HALVING, DRAWING = 1, 2
MOST_COLUMNS = 200
"""Maximum number of permutations times groups at once, which keeps tables of terms small."""
NANOSECONDS_OF_UNIT = 20.0
"""Estimate of the time to give a unit a group at random."""
UNITS_AT_ONCE = 2**20
"""Maximum number of units times permutations in one draw."""
MOST_AT_ONCE = 1_000
BITS_OF_NUMBER = 16
MEMBERS_AT_ONCE = 2**24
"""Maximum number of documents times permutations times groups at once: 128 MiB of ones and zeros."""


@dataclass(frozen=True)
class Grouping:
    """One way to compare documents: by the groups that they are in, or by a value that they have.

    Documents that belong to the same groups, or have the same value, have the same number; a permutation gives numbers
    to other documents. So labels that occur together stay together.

    Attributes:
        name: For example gold, predicted or correct.
        groups: Names of the groups that are compared: enough documents are inside and outside. Of a value, its name.
        number: Each document's number; `NO_GROUP` if it is in no compared group, or has no value, [document].
        weights: What a document with a number counts in each group: 1 if it is in the group, else 0; of a value, its
            rank among the known documents minus the mean rank, [number, group].
        known: True for documents of which groups or value are known, [document].
        left_out: Reasons why groups are not compared.
        effect: How the size of a difference is measured.
    """

    name: str
    groups: list[str]
    number: Integers
    weights: Floats
    known: NDArray[np.bool_]
    left_out: list[str]
    effect: Effect = "g"

    @property
    def is_of_two(self) -> bool:
        """True if each known document is in one of two groups, so that the tests of both groups are equivalent."""
        if self.effect != "g" or len(self.groups) != 2:
            return False
        return bool((self.members(self.number[self.known]).sum(axis=1) == 1).all())

    def members(self, number: Integers) -> Floats:
        """Return the weight of documents in every group, 0 without a number, [document, ..., group]."""
        members: Floats = np.vstack([self.weights, np.zeros(len(self.groups))])[number]
        return members

    def members_of(self, number: NDArray[np.integer], group: int) -> Floats:
        """Return the weight of documents in one group, the shape of `number`."""
        members: Floats = np.append(self.weights[:, group], 0.0)[number]
        return members


@dataclass(frozen=True)
class Units:
    """Input rows, or the parts of them that lie in one group: what is independent of each other.

    Attributes:
        of_documents: 1 where a document belongs to a unit, [document, unit].
        number: The number that all documents of a unit have, see `Grouping`, [unit].
        members: 1 where a unit belongs to a group, [unit, group]; a last column of ones.
        are_documents: True if every unit is a single document.
    """

    of_documents: sparse.csr_array
    number: Integers
    members: Floats
    are_documents: bool

    @classmethod
    def of(cls, grouping: Grouping, documents: Documents) -> "Units":
        """Divide the documents that belong to any group."""
        known = np.flatnonzero(grouping.known)
        n_numbers = len(grouping.weights)
        keys = documents.row[known] * (n_numbers + 1) + grouping.number[known] + 1
        found, unit = np.unique(keys, return_inverse=True)
        places = (np.ones(len(known)), (known, unit))
        number = found % (n_numbers + 1) - 1
        members = np.column_stack([grouping.members(number), np.ones(len(found))])
        of_documents = sparse.csr_array(places, shape=(len(grouping.number), len(found)))
        return cls(of_documents, number, members, len(found) == len(known))


@dataclass(frozen=True)
class Permutations:
    """Random permutations of the documents' numbers within strata of documents of similar length.

    If all documents of every input row have the same number, whole rows are permuted, because documents of one row are
    not independent.

    Attributes:
        grouping: The grouping that is permuted.
        unit: Number of the permuted unit (row or document) of each known document, [known document].
        stratum: Stratum of each unit, [unit].
        seed: Seeds of the random numbers; the number of the permutation is appended.
        of_rows: True if input rows are permuted, False if documents are.
    """

    grouping: Grouping
    unit: NDArray[np.intp]
    stratum: Integers
    seed: tuple[int, ...]
    of_rows: bool

    @classmethod
    def of(cls, grouping: Grouping, documents: Documents, n_strata: int, seed: tuple[int, ...]) -> "Permutations":
        """Prepare the permutations of a grouping."""
        rows = documents.row[grouping.known]
        order = np.argsort(rows, kind="stable")
        number, is_same_row = grouping.number[grouping.known][order], np.diff(rows[order]) == 0
        of_rows = not (is_same_row & (np.diff(number) != 0)).any()
        unit = np.unique(rows, return_inverse=True)[1] if of_rows else np.arange(len(rows))
        lengths = documents.table["n_tokens"].to_numpy()[grouping.known]
        mean_length = np.bincount(unit, lengths) / np.bincount(unit)
        # Units of equal length share a stratum. Ties broken by document order would confound strata with the classes of
        # a sorted corpus.
        n_shorter = np.searchsorted(np.sort(mean_length), mean_length)
        return cls(grouping, unit, n_shorter * n_strata // len(mean_length), seed, of_rows)

    @property
    def halving_seed(self) -> tuple[int, ...]:
        """Seeds of other random numbers than those of the permutations."""
        return (*self.seed, 0, HALVING)

    @property
    def n_units(self) -> tuple[Integers, int]:
        """Number of permuted units in each group, [group] (of a value, not meaningful), and in all."""
        of_unit = self._numbers()
        return self.grouping.members(of_unit).sum(axis=0).astype(np.int64), len(of_unit)

    def n_arrangements(self) -> list[int]:
        """Return in how many ways the units of each group can be chosen within strata, [group]."""
        stratum = np.unique(self.stratum, return_inverse=True)[1]
        sizes = np.bincount(stratum).tolist()
        inside = [np.bincount(stratum, column).astype(np.int64) for column in self.grouping.members(self._numbers()).T]
        return [math.prod(map(math.comb, sizes, chosen.tolist())) for chosen in inside]

    def chance(self) -> Floats:
        """Return the probability of each document to be in each group in a permutation, [document, group].

        Rounded to multiples of 2^-26, so that sums of it do not depend on the order of documents.
        """
        members = self.grouping.members(self._numbers())
        stratum = np.unique(self.stratum, return_inverse=True)[1]
        in_stratum = np.column_stack([np.bincount(stratum, column) for column in members.T])
        share = in_stratum / np.bincount(stratum)[:, None]
        chance = np.zeros((len(self.grouping.number), len(self.grouping.groups)))
        chance[self.grouping.known] = np.ldexp(np.rint(np.ldexp(share, 26)), -26)[stratum[self.unit]]
        return chance

    def stratum_of_documents(self) -> Integers:
        """Return the stratum of each document, 0 for those of no group, too, [document]."""
        numbers = np.zeros(len(self.grouping.known), np.int64)
        numbers[self.grouping.known] = self.stratum[self.unit]
        return numbers

    def _numbers(self) -> Integers:
        """Return the number of each unit, [unit]."""
        of_unit = np.empty(len(self.stratum), np.int64)
        of_unit[self.unit] = self.grouping.number[self.grouping.known]
        return of_unit

    @property
    def n_at_once(self) -> int:
        """Number of permutations in a draw."""
        return min(MOST_AT_ONCE, max(1, UNITS_AT_ONCE // len(self.stratum)))

    @property
    def nanoseconds(self) -> float:
        """Estimate of the time for one permutation."""
        return NANOSECONDS_OF_UNIT * len(self.stratum)

    def draw(self, number: int) -> NDArray[np.int32]:
        """Return more permutations than those of `arrangements`: numbers, [document, permutation].

        Args:
            number: Number of the draw, from 0; each has `n_at_once` permutations and a generator of its own.
        """
        random = np.random.default_rng((*self.seed, number, DRAWING))
        by_stratum = np.argsort(self.stratum, kind="stable")
        keys = random.integers(0, 2**64, (self.n_at_once, len(by_stratum)), np.uint64)
        # Sorting random keys that carry the documents' numbers in their last bits puts the numbers in random order.
        n_bits = max(BITS_OF_NUMBER, len(self.grouping.weights).bit_length())
        of_group = np.uint64(2**n_bits - 1)
        keys = keys & ~of_group | (self._numbers()[by_stratum] - NO_GROUP).astype(np.uint64)
        for units in np.split(keys, np.flatnonzero(np.diff(self.stratum[by_stratum])) + 1, axis=1):
            units.sort(axis=1)
        permuted = np.ascontiguousarray((keys & of_group).astype(np.int32).T) + NO_GROUP
        numbers = np.full((len(self.grouping.number), self.n_at_once), NO_GROUP, np.int32)
        numbers[self.grouping.known] = permuted[np.argsort(by_stratum)[self.unit]]
        return numbers

    def arrangements(self, n_permutations: int) -> Iterator[Integers]:
        """Yield permuted numbers of the documents, several permutations at once, [document, permutation]."""
        at_once = max(1, MEMBERS_AT_ONCE // (len(self.grouping.number) * len(self.grouping.groups)))
        at_once = min(at_once, MOST_COLUMNS // len(self.grouping.groups) + 1)
        of_unit = self._numbers()
        by_stratum = np.argsort(self.stratum, kind="stable")
        for start in range(0, n_permutations, at_once):
            some = range(start, min(start + at_once, n_permutations))
            numbers = np.full((len(self.grouping.number), len(some)), NO_GROUP)
            for column, permutation in enumerate(some):
                random = np.random.default_rng((*self.seed, permutation)).random(len(of_unit))
                permuted = np.empty_like(of_unit)
                permuted[by_stratum] = of_unit[np.lexsort((random, self.stratum))]
                numbers[self.grouping.known, column] = permuted[self.unit]
            yield numbers
