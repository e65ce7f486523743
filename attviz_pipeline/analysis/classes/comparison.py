"""Comparison of documents by groups or by a value: all tests, their effects, and their false discovery rates."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

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
from attviz_pipeline.analysis.classes.groupings import groupings
from attviz_pipeline.analysis.classes.groups import Effect, Grouping, Permutations, Units
from attviz_pipeline.analysis.classes.log_odds import LogOdds, log_odds, rescaled
from attviz_pipeline.analysis.classes.permutation_test import PermutationTest, Tested, run_tests
from attviz_pipeline.analysis.classes.ranks import Targets, UseOfTerms, among, centred_ranks, correlations, rank_sums
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
class Found:
    """What the tests of one grouping describe, before p and q.

    Attributes:
        heads: Differences of heads.
        terms: Differences of the self-attention of terms.
        use: Log-odds of the use of terms, [term, group]; None of a value.
        attention: The same with occurrences weighted by their self-attention.
        use_rho: Rank correlation of the use of terms with a value, [term, 1]; None of groups.
        use_agrees: Where the tested use of a term and what describes it have one direction, [term, group].
        is_tested: Which features and groups are tested, by family, each [feature, group].
    """

    heads: Differences
    terms: Differences
    use: LogOdds | None
    attention: LogOdds | None
    use_rho: Floats | None
    use_agrees: NDArray[np.bool_]
    is_tested: tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]

    def columns_of_use(self) -> dict[str, Floats]:
        """Return the columns of `class_terms` that describe the use of terms, [term, group]; NaN where undefined."""
        none = np.full(self.terms.effect.shape, np.nan)
        use, attention = self.use or LogOdds(none, none), self.attention or LogOdds(none, none)
        return {
            "log_odds": use.ratio,
            "log_odds_z": use.z,
            "attention_log_odds": attention.ratio,
            "attention_log_odds_z": attention.z,
            "use_rho": none if self.use_rho is None else self.use_rho,
        }


@dataclass(frozen=True)
class Comparison:
    """Everything that is found for one grouping.

    Attributes:
        permutations: How documents are permuted.
        units: Input rows, the sampling units of intervals.
        found: Differences of heads and terms.
        families: One family of tests for each of `FAMILIES`.
    """

    permutations: Permutations
    units: Units
    found: Found
    families: list[Family]

    @property
    def heads(self) -> Differences:
        """Differences of heads."""
        return self.found.heads

    @property
    def terms(self) -> Differences:
        """Differences of the self-attention of terms."""
        return self.found.terms

    @property
    def use(self) -> LogOdds | None:
        """Log-odds of the use of terms; None of a value."""
        return self.found.use

    @property
    def grouping(self) -> Grouping:
        """The groups."""
        return self.permutations.grouping

    def family(self, tests: str) -> Family:
        """Return a family by its name."""
        return next(family for family in self.families if family.tests == tests)


def compare(settings: CompareClasses, study: Study) -> tuple[list[Comparison], list[Adjusted], list[str]]:
    """Compare the documents in every way that their task has.

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
            # Without gold values there is nothing to know about them, and nothing to warn of.
            level = logging.WARNING if grouping.known.any() or grouping.name == "predicted" else logging.DEBUG
            log.log(level, "nothing to compare by %s: %s", grouping.name, "; ".join(grouping.left_out))
            continue
        permutations = Permutations.of(grouping, study.documents, n_strata, (settings.seed, index))
        yield _compared(permutations, study, settings.classes, n_families)


class _Kind(Protocol):
    """How documents are compared: the statistics of the tests, and what describes their results."""

    def __init__(self, permutations: Permutations, units: Units, study: Study, settings: ClassesSettings) -> None: ...

    @property
    def statistics(self) -> list[Statistic]:
        """One statistic for each of `FAMILIES`."""
        ...

    def describe(self, first: Sequence[Tested]) -> Found:
        """Describe all differences after the first permutations."""
        ...


class _ByGroup:
    """Each group with all other documents."""

    def __init__(self, permutations: Permutations, units: Units, study: Study, settings: ClassesSettings) -> None:
        self._permutations, self._units, self._study, self._settings = permutations, units, study, settings
        grouping, terms = permutations.grouping, study.terms
        self._known = grouping.known[:, None].astype(np.float64)
        self._counts = terms.occurrences(self._known)[:, 0]
        self._of_all_terms = terms.sums(self._known)

    @property
    def statistics(self) -> list[Statistic]:
        heads, terms = self._study.heads, self._study.terms
        return [
            MeanDifference(heads, heads.sums(self._known)),
            MeanDifference(terms, self._of_all_terms),
            Use(terms, self._counts, self._of_all_terms.n[:, 0]),
        ]

    def describe(self, first: Sequence[Tested]) -> Found:
        grouping, terms = self._permutations.grouping, self._study.terms
        members = grouping.members(grouping.number)
        of_heads = differences(self._study.heads, self._permutations, self._units, first[0].expected)
        of_terms = differences(terms, self._permutations, self._units, first[1].expected)
        # With one document of a term there is nothing to infer about its use.
        is_used = np.broadcast_to(self._of_all_terms.n > 1, first[2].p.shape)
        of_groups = terms.occurrences(members)
        use = log_odds(of_groups, self._counts, self._settings.prior_count)
        attention = rescaled(terms.attention(members), terms.attention(self._known)[:, 0], self._counts.sum())
        return Found(
            of_heads,
            of_terms,
            use,
            log_odds(*attention, self._settings.prior_count),
            None,
            (of_groups - first[2].expected) * use.ratio > 0,
            (~np.isnan(of_heads.effect), ~np.isnan(of_terms.effect), is_used),
        )


class _ByValue:
    """Rank correlation with a value."""

    def __init__(self, permutations: Permutations, units: Units, study: Study, settings: ClassesSettings) -> None:  # noqa: ARG002 - as `_ByGroup`
        grouping = permutations.grouping
        self._study, self._known = study, grouping.known
        self._weights = grouping.members(grouping.number)[:, 0]
        lengths = study.documents.table["n_tokens"].to_numpy().astype(np.int64)
        self._targets = Targets(self._weights, lengths, study.documents.row)
        self._use = UseOfTerms.of(among(study.terms.shares(), self._known), int(self._known.sum()), len(self._known))

    @property
    def statistics(self) -> list[Statistic]:
        heads, terms = self._study.heads, self._study.terms
        return [
            rank_sums(among(heads.features(), self._known), self._weights, self._known, heads, is_dense=True),
            rank_sums(among(terms.features(), self._known), self._weights, self._known, terms, is_dense=False),
            self._use.statistic(self._weights, terms.nanoseconds_of_document),
        ]

    def describe(self, first: Sequence[Tested]) -> Found:  # noqa: ARG002 - as `_ByGroup`
        of_heads, of_terms = (
            correlations(among(values.features(), self._known), self._targets)
            for values in (self._study.heads, self._study.terms)
        )
        lengths = np.zeros(len(self._known))
        lengths[self._known] = centred_ranks(self._targets.length[self._known])
        use = self._use.correlations(self._weights, lengths)[:, None]
        is_used = of_terms.n_inside > 1
        return Found(
            of_heads,
            of_terms,
            None,
            None,
            use,
            np.ones(use.shape, np.bool_),
            (~np.isnan(of_heads.effect), ~np.isnan(of_terms.effect), is_used),
        )


_KINDS: Mapping[Effect, type[_Kind]] = {"g": _ByGroup, "rho": _ByValue}


def _compared(permutations: Permutations, study: Study, settings: ClassesSettings, n_families: int) -> Comparison:
    grouping = permutations.grouping
    units = Units.of(grouping, study.documents)
    kind = _KINDS[grouping.effect](permutations, units, study, settings)
    chosen = settings.n_permutations
    tests = [PermutationTest(statistic, grouping) for statistic in kind.statistics]
    first = run_tests(tests, permutations.arrangements(FIRST if chosen == "auto" else chosen))
    found = kind.describe(first)
    n_tests = [n_distinct(mask, is_of_two=grouping.is_of_two) for mask in found.is_tested]
    n_wanted = [permutations_wanted(n, n_families) for n in n_tests]
    if chosen == "auto":
        _log_cost(permutations, n_tests, n_wanted)
        extreme = [ExtremeTests(*each) for each in zip(tests, found.is_tested, n_wanted, strict=True)]
        results = go_on(extreme, permutations)
    else:
        results = [
            Result(of.p, of.at_floor, chosen, is_cut_off=chosen < n) for of, n in zip(first, n_wanted, strict=True)
        ]
    # What is said to be used more is so at equal length, and as a share of the terms.
    results[2] = results[2]._replace(p=np.where(found.use_agrees, results[2].p, 1.0))
    return Comparison(
        permutations,
        units,
        found,
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
            for name, mask, result, n in zip(FAMILIES, found.is_tested, results, n_wanted, strict=True)
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
