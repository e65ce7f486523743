"""Comparison of every group with all other documents: all tests, their effects, and their false discovery rates."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis.classes.differences import Differences, differences
from attviz_pipeline.analysis.classes.families import (
    FAMILIES,
    Adjusted,
    Family,
    adjust,
    n_distinct,
    permutations_wanted,
)
from attviz_pipeline.analysis.classes.groups import Grouping, Permutations, Units, groupings
from attviz_pipeline.analysis.classes.log_odds import LogOdds, log_odds, rescaled
from attviz_pipeline.analysis.classes.permutation_test import PermutationTest, run_tests
from attviz_pipeline.analysis.classes.sequel import FIRST, MOST_NANOSECONDS, ExtremeTests, Result, go_on
from attviz_pipeline.analysis.classes.statistics import MeanDifference, Statistic, Use
from attviz_pipeline.analysis.classes.values import HeadValues, TermValues
from attviz_pipeline.analysis.terms.corpus import Documents
from attviz_pipeline.config.settings import ClassesSettings
from attviz_pipeline.progress import track
from attviz_pipeline.stages import CompareClasses

Floats = NDArray[np.float64]
FEWEST_STRATA = 5
UNITS_PER_STRATUM = 7
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Study:
    """What is compared.

    Attributes:
        documents: The documents, with the columns `COLUMNS` of `document_heads`.
        heads: Their values in every head.
        terms: Their terms.
    """

    documents: Documents
    heads: HeadValues
    terms: TermValues

    def n_strata(self, settings: ClassesSettings) -> int:
        """Return the number of strata of length; if there are few, lengths still differ within them."""
        chosen = settings.length_strata
        return max(FEWEST_STRATA, len(self.documents.row_names) // UNITS_PER_STRATUM) if chosen == "auto" else chosen


@dataclass(frozen=True)
class Comparison:
    """Everything that is found for one grouping.

    Attributes:
        permutations: How documents are permuted.
        units: Input rows, the sampling units of intervals.
        heads: Differences of heads.
        terms: Differences of the self-attention of terms.
        use: Log-odds of the use of terms, [term, group].
        attention: The same with occurrences weighted by their self-attention.
        families: One family of tests for each of `FAMILIES`.
    """

    permutations: Permutations
    units: Units
    heads: Differences
    terms: Differences
    use: LogOdds
    attention: LogOdds
    families: list[Family]

    @property
    def grouping(self) -> Grouping:
        """The groups."""
        return self.permutations.grouping

    def family(self, tests: str) -> Family:
        """Return a family by its name."""
        return next(family for family in self.families if family.tests == tests)


def compare(settings: CompareClasses, study: Study) -> tuple[list[Comparison], list[Adjusted], list[str]]:
    """Compare gold classes, predicted classes, and correct and wrong predictions.

    Returns:
        What is found by grouping; the families of all groupings after their adjustment; and reasons why groups are
        not compared.
    """
    every = groupings(study.documents)
    comparisons = list(_comparisons(settings, study, every))
    adjusted = adjust([family for comparison in comparisons for family in comparison.families])
    return comparisons, adjusted, [reason for grouping in every for reason in grouping.left_out]


def _comparisons(settings: CompareClasses, study: Study, every: list[Grouping]) -> Iterator[Comparison]:
    n_families = len(FAMILIES) * sum(bool(grouping.groups) for grouping in every)
    n_strata = study.n_strata(settings.classes)
    for index, grouping in enumerate(track(every, total=len(every), label="compare_classes", unit="groupings")):
        if not grouping.groups:
            log.warning("nothing to compare by %s: %s", grouping.name, "; ".join(grouping.left_out))
            continue
        permutations = Permutations.of(grouping, study.documents, n_strata, (settings.seed, index))
        yield _compared(permutations, study, settings.classes, n_families)


def _compared(permutations: Permutations, study: Study, settings: ClassesSettings, n_families: int) -> Comparison:
    grouping, heads, terms = permutations.grouping, study.heads, study.terms
    known, members = grouping.known[:, None].astype(np.float64), grouping.members(grouping.number)
    units = Units.of(grouping, study.documents)
    counts = terms.occurrences(known)[:, 0]
    lengths = terms.occurrences_of_documents() * grouping.known
    use = Use(terms, counts, lengths, settings.prior_count)
    statistics: list[Statistic] = [
        MeanDifference(heads, heads.sums(known)),
        MeanDifference(terms, terms.sums(known)),
        use,
    ]
    chosen = settings.n_permutations
    tests = [PermutationTest(statistic, grouping) for statistic in statistics]
    first = run_tests(tests, permutations.arrangements(FIRST if chosen == "auto" else chosen))
    of_heads = differences(heads, grouping, units, first[0].expected)
    of_terms = differences(terms, grouping, units, first[1].expected)
    # With one document of a term there is nothing to infer about its use.
    is_used = np.broadcast_to(terms.sums(known).n > 1, first[2].p.shape)
    is_tested = [~np.isnan(of_heads.effect), ~np.isnan(of_terms.effect), is_used]
    n_tests = [n_distinct(mask, is_of_two=grouping.is_of_two) for mask in is_tested]
    n_wanted = [permutations_wanted(n, n_families) for n in n_tests]
    if chosen == "auto":
        _log_cost(permutations, n_tests, n_wanted)
        extreme = [ExtremeTests(*each) for each in zip(tests, is_tested, n_wanted, strict=True)]
        results = go_on(extreme, permutations)
    else:
        results = [
            Result(of.p, of.at_floor, chosen, is_cut_off=chosen < n) for of, n in zip(first, n_wanted, strict=True)
        ]
    attention = log_odds(
        *rescaled(terms.attention(members), terms.attention(known)[:, 0], counts.sum()), settings.prior_count
    )
    return Comparison(
        permutations,
        units,
        of_heads,
        of_terms,
        use.log_odds(members),
        attention,
        [
            Family(
                grouping.name,
                name,
                np.where(mask, result.p, np.nan),
                grouping.is_of_two,
                result.n_permutations,
                result.at_floor,
                n if result.is_cut_off else None,
            )
            for name, mask, result, n in zip(FAMILIES, is_tested, results, n_wanted, strict=True)
        ],
    )


def _log_cost(permutations: Permutations, n_tests: list[int], n_wanted: list[int]) -> None:
    log.info(
        "by %s: %s permutations of %s %s for %s; tests that are still extreme go on, to at most %s, for at most about "
        "%.0f s",
        permutations.grouping.name,
        f"{FIRST:,}",
        f"{len(permutations.stratum):,}",
        "input rows" if permutations.of_rows else "documents",
        ", ".join(f"{n:,} tests of {name}" for name, n in zip(FAMILIES, n_tests, strict=True)),
        f"{max(n_wanted):,}",
        len(FAMILIES) * MOST_NANOSECONDS / 1e9,
    )
