"""The groups that documents are compared by, and how documents change places between them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from attviz_pipeline.analysis.terms.corpus import Documents

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NO_GROUP = -1
SMALLEST_GROUP = 2
MOST_COLUMNS = 200
"""Permutations times groups at once: tables of terms by these stay small."""
MEMBERS_AT_ONCE = 2**24
"""Documents times permutations times groups that are held at once: 128 MiB of ones and zeros."""


@dataclass(frozen=True)
class Grouping:
    """One way to part the documents.

    Attributes:
        name: gold, predicted or correct.
        groups: Names of the groups that are large enough, and leave enough outside, to be compared.
        number: Number of each document's group, `NO_GROUP` if it has none or one that is too small, [document].
        known: True for documents that belong to any group, [document].
        left_out: Why groups, or all of them, are not compared.
    """

    name: str
    groups: list[str]
    number: Integers
    known: NDArray[np.bool_]
    left_out: list[str]

    @property
    def is_of_two(self) -> bool:
        """True where two groups hold all documents: what sets one apart sets the other apart as clearly."""
        return len(self.groups) == 2 and bool((self.number[self.known] != NO_GROUP).all())

    def members(self, number: Integers) -> Floats:
        """Return 1 where a document is in a group, else 0, [document, ..., group], for any numbering like `number`."""
        members: Floats = (number[..., None] == np.arange(len(self.groups))).astype(np.float64)
        return members


def groupings(documents: Documents) -> list[Grouping]:
    """Part the documents by gold class, by predicted class, and into right and wrong predictions."""
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
class Permutations:
    """Random arrangements of the documents over the groups, within strata of similar length.

    Where all documents of every input row are in one group, whole rows change places, since documents of one row are
    not independent.

    Attributes:
        grouping: What is permuted.
        unit: Row or document that changes places, by number, of each known document, [known document].
        stratum: Stratum of each unit, [unit].
        seed: Seeds of the arrangements' random numbers, but for the number of the arrangement.
        of_rows: False where documents change places although some are of one input row.
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
        # Equal lengths share a stratum: cut in the order of documents, strata of a sorted corpus would be its classes.
        n_shorter = np.searchsorted(np.sort(mean_length), mean_length)
        return cls(grouping, unit, n_shorter * n_strata // len(mean_length), seed, of_rows)

    def arrangements(self, n_permutations: int) -> Iterator[Integers]:
        """Yield numberings of the documents like the grouping's own, some at once, [document, permutation]."""
        at_once = max(1, MEMBERS_AT_ONCE // (len(self.grouping.number) * len(self.grouping.groups)))
        at_once = min(at_once, MOST_COLUMNS // len(self.grouping.groups) + 1)
        of_unit = np.empty(len(self.stratum), np.int64)
        of_unit[self.unit] = self.grouping.number[self.grouping.known]
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
