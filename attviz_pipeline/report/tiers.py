"""Which documents have a page, and which pages hold every head, where a site of all of them would be too large."""

import logging
import math
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.errors import ConfigError
from attviz_pipeline.report.page_sizes import (
    DocumentSizes,
    fixed_parts,
    heads_of,
    page_bytes,
    read_sizes,
    smallest_site,
)
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.strata import N_LENGTHS, in_order_of_ranks, in_turn, length_thirds, seeded_rank
from attviz_pipeline.tasks.task import Task

logger = logging.getLogger(__name__)

Positions = NDArray[np.int64]
MOST_PAGES = 100_000
"""The index of so many documents is usable within a second and searched within 50 ms; see benchmarks/site_index.md.
Documents that are asked for have a page beyond it."""
MISTAKES_SHARE = 2
LOW_CONFIDENCE_SHARE = 3
SEARCH_SHARE = 5
"""The search of documents without a page may take one part in so many of what pages could take."""
STEPS = 24
"""Of the search for the most that pages may take: it ends within a hundred bytes for a site of a gigabyte."""


def _none() -> Positions:
    return np.zeros(0, np.int64)


@dataclass(frozen=True)
class Tiers:
    """Which documents have a page, and what these pages hold.

    Args:
        full: Positions of the documents whose pages hold every head; the other pages hold the means of layers.
        n_documents: Documents of the study.
        with_page: Positions of the documents that have a page, ascending; None where all have one.
        others: Positions of those without a page that their search covers, ascending.
    """

    full: frozenset[int]
    n_documents: int
    with_page: Positions | None = None
    others: Positions = field(default_factory=_none)

    @property
    def n_full(self) -> int:
        """Number of pages that hold every head."""
        return len(self.full)

    @property
    def n_pages(self) -> int:
        """Number of documents with a page."""
        return self.n_documents if self.with_page is None else len(self.with_page)


def choose_tiers(
    index: Path, study: StudyView, written: int, mapped: Collection[int] = (), measured: Collection[int] = ()
) -> Tiers:
    """Choose the documents that have a page, then those whose pages hold every head, within `site.max_megabytes`.

    Every document has a page if there are no more than `MOST_PAGES` and the smaller kind of page fits for each. Else
    pages go to the documents that have maps or evidence; half of what is left to those whose prediction is not right,
    least confidence in the gold class first; a third of what then remains to those with the least confidence, or in
    regression the largest errors; the rest to a seeded sample in which every class (rarest label, quantile of the
    value) and length has its turn. Some room is kept for a search of the documents without a page, and of these a
    seeded sample is searched if not all fit.

    The values of all heads, which are nearly all bytes of a page, go to those that have maps, which show every head;
    then in the same order to other documents with a page, but there the mistakes take as much as they need.

    Args:
        index: Table of documents (schema DOCUMENT_INDEX).
        study: Facts of the study.
        written: Bytes of the site that are taken already.
        mapped: Positions of the documents that have maps.
        measured: Positions of the documents that have evidence.

    Raises:
        ConfigError: Not even the pages of documents with maps or evidence fit, or no page at all.
    """
    sizes = read_sizes(index)
    room = _Room(sizes, study, study.settings.site.max_megabytes * 1e6 - written, mapped, measured)
    candidates = _Candidates(index, study, sizes)
    pages = np.arange(len(sizes), dtype=np.int64)
    whole = len(sizes) <= MOST_PAGES and room.left(pages) >= 0
    kept = 0.0
    if not whole:
        kept = room.for_search()
        pages = room.most_pages(candidates, kept)
        kept = min(kept, float(np.delete(sizes.others, pages).sum()))
    heads = heads_of(sizes, study)
    heads[list(mapped)] = 0  # counted already
    left = room.left(pages) - kept
    full = _fill(candidates, pages, heads, left)
    tiers = Tiers(frozenset(mapped) | frozenset(full.tolist()), len(sizes))
    if not whole:
        left += kept - float(heads[full].sum())
        tiers = Tiers(tiers.full, len(sizes), pages, _searched(candidates, pages, sizes, left))
    _warn(tiers, study)
    return tiers


def _warn(tiers: Tiers, study: StudyView) -> None:
    megabytes = study.settings.site.max_megabytes
    if tiers.with_page is not None:
        logger.warning(
            "%s of %s documents have a page: site.max_megabytes is %g, and at most %s have one",
            *(f"{tiers.n_pages:,}", f"{tiers.n_documents:,}", megabytes, f"{MOST_PAGES:,}"),
        )
    if tiers.n_full < tiers.n_pages:
        logger.warning(
            "%s of %s document pages hold every head, the others the means of each layer's heads: "
            "site.max_megabytes is %g",
            *(f"{tiers.n_full:,}", f"{tiers.n_pages:,}", megabytes),
        )


class _Orders(NamedTuple):
    """Positions of documents in the orders in which they are chosen.

    Attributes:
        mistakes: Those whose prediction is not right, the worst first.
        uncertain: The others, the least certain first; in regression those with the largest errors.
        sample: All, in turn from each stratum.
        shuffled: All at random.
    """

    mistakes: Positions
    uncertain: Positions
    sample: Positions
    shuffled: Positions


class _Candidates:
    """Documents to choose from; their predictions are read when they are first asked for."""

    def __init__(self, index: Path, study: StudyView, sizes: DocumentSizes) -> None:
        self._index, self._study, self._sizes = index, study, sizes

    @cached_property
    def orders(self) -> _Orders:
        """The documents in every order."""
        task = self._study.task
        columns = ["id", task.gold_column, task.predicted_column, "probabilities"]
        golds: list[Any] = []
        wrong, may_lead, fits, ranks = [], [], [], bytearray()
        for table in files.iter_tables(self._index, statistics_schemas.DOCUMENT_INDEX, columns):
            facts = [_facts_of(row, task) for row in table.drop_columns(["id"]).to_pylist()]
            golds += [gold for gold, _, _ in facts]
            wrong.append(np.array([is_wrong for _, is_wrong, _ in facts], np.bool_))
            fits.append(np.array([fit for _, _, fit in facts], np.float64))
            # Without a gold value, a value that is predicted has neither an error nor a confidence.
            may_lead.append(np.array([task.has_confidence or gold is not None for gold, _, _ in facts], np.bool_))
            for name in table["id"].to_pylist():
                ranks += seeded_rank(self._study.settings.seed, name.encode())
        worst_first = np.argsort(np.concatenate(fits), kind="stable")
        is_wrong = np.concatenate(wrong)[worst_first]
        strata = np.array(task.strata(golds), np.int64) * N_LENGTHS + np.array(length_thirds(self._sizes.n_tokens))
        shuffled = in_order_of_ranks(bytes(ranks))
        ordered = worst_first[~is_wrong & np.concatenate(may_lead)[worst_first]]
        return _Orders(worst_first[is_wrong], ordered, in_turn(strata, shuffled), shuffled)


def _facts_of(row: dict[str, Any], task: Task[Any]) -> tuple[Any, bool, float]:
    gold, predicted = task.gold(row), task.predicted(row)
    wrong = task.outcome(gold, predicted) not in {None, "right"}
    return gold, wrong, task.fit(gold, predicted, row["probabilities"])


class _Room:
    """What a site has room for beside what is written already."""

    def __init__(
        self,
        sizes: DocumentSizes,
        study: StudyView,
        n_bytes: float,
        mapped: Collection[int],
        measured: Collection[int],
    ) -> None:
        self._sizes, self._study, self._n_bytes = sizes, study, n_bytes
        self._mapped, self._measured = np.array(sorted(mapped), np.int64), np.array(sorted(measured), np.int64)
        self._asked = np.union1d(self._mapped, self._measured).astype(np.int64)

    def left(self, pages: Positions) -> float:
        """Bytes that are left if some documents, ascending and with those that are asked for, have the smaller page."""
        mapped, measured = (np.searchsorted(pages, asked) for asked in (self._mapped, self._measured))
        taken = smallest_site(self._sizes.of(pages), self._study, mapped, measured)
        return self._n_bytes - taken - (fixed_parts(self._study) if len(pages) < len(self._sizes) else 0)

    def for_search(self) -> float:
        """Bytes to keep for the search of documents without a page: no more than it needs."""
        needed = float(np.delete(self._sizes.others, self._asked).sum())
        return min(needed, max(0.0, self.left(self._asked)) / SEARCH_SHARE)

    def most_pages(self, candidates: _Candidates, kept: float) -> Positions:
        """The documents with a page if as many as fit have one, ascending; `kept` bytes are for other things."""
        if self.left(self._asked) < 0:
            raise self._too_small(self._asked)
        costs = page_bytes(self._sizes, self._study)
        low, high = 0.0, max(1.0, self._n_bytes)
        pages = self._asked
        # What several pages share grows with them, up to a bound: no sum of pages is known beforehand.
        for _ in range(STEPS):
            middle = (low + high) / 2
            found = _paged(candidates, self._asked, costs, middle)
            if self.left(found) >= kept:
                low, pages = middle, found
            else:
                high = middle
        if not len(pages):
            raise self._too_small(np.argsort(costs, kind="stable")[:1])
        return pages

    def _too_small(self, pages: Positions) -> ConfigError:
        given = self._study.settings.site.max_megabytes
        needed = given - self.left(pages) / 1e6
        whose, or_fewer = "a single document", ""
        if len(self._asked):
            whose = "the documents with maps or evidence"
            or_fewer = ", or maps.max_documents or evidence.max_documents to fewer"
        return ConfigError(
            f"site.max_megabytes is {given:g}, and a site with pages for {whose} takes about {needed:,.1f} MB even "
            "where each page holds the means of layers only (with maps, every head).",
            remedy=f"Set site.max_megabytes to {math.ceil(needed)} or more{or_fewer}.",
        )


def _paged(candidates: _Candidates, asked: Positions, costs: NDArray[np.float64], budget: float) -> Positions:
    """The documents with a page if pages besides those asked for may take so many bytes, ascending."""
    taken = np.zeros(len(costs), np.bool_)
    taken[asked] = True
    n_left = max(0, MOST_PAGES - len(asked))
    for order, one_in in (
        (candidates.orders.mistakes, MISTAKES_SHARE),
        (candidates.orders.uncertain, LOW_CONFIDENCE_SHARE),
        (candidates.orders.sample, 1),
    ):
        found = _fitting(order[~taken[order]], costs, budget / one_in, math.ceil(n_left / one_in))
        taken[found] = True
        budget, n_left = budget - float(costs[found].sum()), n_left - len(found)
    return np.flatnonzero(taken)


def _fill(candidates: _Candidates, pages: Positions, extra: NDArray[np.float64], budget: float) -> Positions:
    """Choose the documents whose pages hold every head, as many as so many bytes have room for."""
    if extra[pages].sum() <= budget:
        return pages
    free = np.zeros(len(extra), np.bool_)
    free[pages] = True
    chosen = [_none()]
    for order, one_in in (
        (candidates.orders.mistakes, 1),
        (candidates.orders.uncertain, LOW_CONFIDENCE_SHARE),
        (candidates.orders.sample, 1),
    ):
        found = _fitting(order[free[order]], extra, budget / one_in)
        free[found] = False
        budget -= float(extra[found].sum())
        chosen.append(found)
    return np.concatenate(chosen)


def _fitting(order: Positions, sizes: NDArray[np.float64], budget: float, most: int | None = None) -> Positions:
    """Take documents in order, leaving out each that is too large for what is left, and at most so many."""
    found = [_none()]
    while (most is None or most > 0) and len(order := order[sizes[order] <= budget]):
        sums = np.cumsum(sizes[order])
        # The first always fits, whatever the rounding of sums.
        n = max(1, int(np.searchsorted(sums, budget, side="right")))
        n = n if most is None else min(n, most)
        found.append(order[:n])
        budget, order = budget - float(sums[n - 1]), order[n:]
        most = None if most is None else most - n
    return np.concatenate(found)


def _searched(candidates: _Candidates, pages: Positions, sizes: DocumentSizes, budget: float) -> Positions:
    """The documents without a page that their search covers: all, or a sample that fits; ascending."""
    without = np.ones(len(sizes), np.bool_)
    without[pages] = False
    order = candidates.orders.shuffled[without[candidates.orders.shuffled]]
    return np.sort(_fitting(order, sizes.others, budget))
