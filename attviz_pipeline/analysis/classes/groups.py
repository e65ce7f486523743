"""Groups of documents that are compared, and permutations of documents between groups."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy import sparse

from attviz_pipeline.analysis.terms.corpus import Documents

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NO_GROUP = -1
SMALLEST_GROUP = 2
HALVING, DRAWING = 1, 2
MOST_COLUMNS = 200
"""Maximum number of permutations times groups at once, which keeps tables of terms small."""
NANOSECONDS_OF_UNIT = 20.0
"""Estimate of the time to give a unit a group at random."""
UNITS_AT_ONCE = 2**20
"""Maximum number of units times permutations in one draw."""
MOST_AT_ONCE = 1_000
BITS_OF_GROUP = 16
MEMBERS_AT_ONCE = 2**24
"""Maximum number of documents times permutations times groups at once: 128 MiB of ones and zeros."""


@dataclass(frozen=True)
class Grouping:
    """One division of the documents into groups.

    Attributes:
        name: gold, predicted or correct.
        groups: Names of the groups that are compared: enough documents are inside and outside.
        number: Number of each document's group; `NO_GROUP` if it has none or its group is too small, [document].
        known: True for documents that belong to any group, [document].
        left_out: Reasons why groups are not compared.
    """

    name: str
    groups: list[str]
    number: Integers
    known: NDArray[np.bool_]
    left_out: list[str]

    @property
    def is_of_two(self) -> bool:
        """True if two groups contain all documents, so that the tests of both groups are equivalent."""
        return len(self.groups) == 2 and bool((self.number[self.known] != NO_GROUP).all())

    def members(self, number: Integers) -> Floats:
        """Return 1 if a document is in a group, else 0, [document, ..., group]; `number` is [document, ...]."""
        members: Floats = (number[..., None] == np.arange(len(self.groups))).astype(np.float64)
        return members


def groupings(documents: Documents) -> list[Grouping]:
    """Group the documents by gold class, by predicted class, and into misclassified and correctly classified."""
    names = documents.facts["label_names"]
    # A document without terms has no value to compare.
    has_terms = documents.table["n_terms"].to_numpy() > 0
    gold, predicted = (
        np.where(has_terms, pc.fill_null(documents.table[column], NO_GROUP).to_numpy().astype(np.int64), NO_GROUP)
        for column in ("label", "prediction")
    )
    correct = np.where((gold >= 0) & (predicted >= 0), (gold == predicted).astype(np.int64), NO_GROUP)
    return [
        _grouping("gold", names, gold),
        _grouping("predicted", names, predicted),
        _grouping("correct", ["wrong", "right"], correct),
    ]


def _grouping(name: str, groups: list[str], number: Integers) -> Grouping:
    known = number >= 0
    sizes = np.bincount(number[known], minlength=len(groups))
    usable = (sizes >= SMALLEST_GROUP) & (known.sum() - sizes >= SMALLEST_GROUP)
    reasons = [
        f"{name} {group}: {size:,} of {known.sum():,} documents; two inside and two outside are needed"
        for group, size, fit in zip(groups, sizes.tolist(), usable.tolist(), strict=True)
        if not fit
    ]
    renumbered = np.append(np.where(usable, np.cumsum(usable) - 1, NO_GROUP), NO_GROUP)[number]
    return Grouping(name, [g for g, fit in zip(groups, usable, strict=True) if fit], renumbered, known, reasons)


@dataclass(frozen=True)
class Units:
    """Input rows, or the parts of them that lie in one group: what is independent of each other.

    Attributes:
        of_documents: 1 where a document belongs to a unit, [document, unit].
        members: 1 where a unit belongs to a group, [unit, group]; a last column of ones.
        are_documents: True if every unit is a single document.
    """

    of_documents: sparse.csr_array
    members: Floats
    are_documents: bool

    @classmethod
    def of(cls, grouping: Grouping, documents: Documents) -> "Units":
        """Divide the documents that belong to any group."""
        known = np.flatnonzero(grouping.known)
        n_groups = len(grouping.groups)
        keys = documents.row[known] * (n_groups + 1) + grouping.number[known] + 1
        found, unit = np.unique(keys, return_inverse=True)
        places = (np.ones(len(known)), (known, unit))
        group = found % (n_groups + 1) - 1
        members = np.column_stack([group[:, None] == np.arange(n_groups), np.ones(len(found), bool)])
        of_documents = sparse.csr_array(places, shape=(len(grouping.number), len(found)))
        return cls(of_documents, members.astype(np.float64), len(found) == len(known))


@dataclass(frozen=True)
class Permutations:
    """Random permutations of the group labels within strata of documents of similar length.

    If all documents of every input row are in the same group, whole rows are permuted, because documents of one row are
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
        """Number of permuted units in each group, [group], and in all."""
        of_unit = self._numbers()
        return np.bincount(of_unit[of_unit >= 0], minlength=len(self.grouping.groups)), len(of_unit)

    def strata_of_documents(self) -> Floats:
        """Return 1 if a document is in a stratum, else 0, [document, stratum]."""
        numbers = np.full(len(self.grouping.known), NO_GROUP)
        numbers[self.grouping.known] = np.unique(self.stratum, return_inverse=True)[1][self.unit]
        strata: Floats = (numbers[:, None] == np.arange(numbers.max() + 1)).astype(np.float64)
        return strata

    def _numbers(self) -> Integers:
        """Return the group of each unit, [unit]."""
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
        """Return more permutations than those of `arrangements`: group numbers, [document, permutation].

        Args:
            number: Number of the draw, from 0; each has `n_at_once` permutations and a generator of its own.
        """
        random = np.random.default_rng((*self.seed, number, DRAWING))
        by_stratum = np.argsort(self.stratum, kind="stable")
        keys = random.integers(0, 2**64, (self.n_at_once, len(by_stratum)), np.uint64)
        # Sorting random numbers that carry the groups in their last bits puts the groups in random order.
        of_group = np.uint64(2**BITS_OF_GROUP - 1)
        keys = keys & ~of_group | (self._numbers()[by_stratum] - NO_GROUP).astype(np.uint64)
        for units in np.split(keys, np.flatnonzero(np.diff(self.stratum[by_stratum])) + 1, axis=1):
            units.sort(axis=1)
        permuted = np.ascontiguousarray((keys & of_group).astype(np.int32).T) + NO_GROUP
        numbers = np.full((len(self.grouping.number), self.n_at_once), NO_GROUP, np.int32)
        numbers[self.grouping.known] = permuted[np.argsort(by_stratum)[self.unit]]
        return numbers

    def arrangements(self, n_permutations: int) -> Iterator[Integers]:
        """Yield permuted group numbers of the documents, several permutations at once, [document, permutation]."""
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
