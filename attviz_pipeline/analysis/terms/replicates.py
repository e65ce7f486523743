"""Bootstrap intervals of terms over all heads: input rows are resampled with all their documents and tokens."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from attviz_pipeline.analysis.bootstrap import document_keys, poisson_weights
from attviz_pipeline.analysis.inference import expanded_tail
from attviz_pipeline.analysis.quantities import (
    ATTENTION,
    FIXED_BITS,
    LOG_RATIO,
    NORMALISED,
    QUANTITIES,
    from_fixed,
    to_fixed,
)
from attviz_pipeline.analysis.shrinkage import Shrunken
from attviz_pipeline.analysis.terms.corpus import Documents, Pairs
from attviz_pipeline.progress import Progress

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CORRECTED = "corrected_log_ratio"
SUMMED = ("count", *(quantity.name for quantity in QUANTITIES), CORRECTED)
NOT_NEGATIVE = {ATTENTION.name, NORMALISED.name}
REPLICATES_AT_ONCE = 50
REPLICATE_ROUNDING = float(np.finfo(np.float32).eps)
SUM_ROUNDING = 2.0**-FIXED_BITS


@dataclass(frozen=True)
class TermReplicates:
    """Bootstrap replicates of the means of terms.

    Attributes:
        n_rows: Number of input rows that contain each term, [term].
        count: Occurrences in these rows, [term].
        squared_count: Sum of c^2 over these rows, c the occurrences in a row with all its documents, [term].
        means: By name of quantity, and `CORRECTED`, [term, replicate], single precision; NaN if the term is not in the
            replicate.
        centres: If they are replicates of a sample, the means over the sample, [term] by the same names; NaN if a term
            is not in it. None if they are of all documents.
    """

    n_rows: Integers
    count: Integers
    squared_count: Integers
    means: dict[str, NDArray[np.float32]]
    centres: dict[str, Floats] | None = None

    @property
    def weights(self) -> Floats:
        """1 / effective number of rows of each term, [term]; 1 for a term that is in no row."""
        return np.where(self.count > 0, self.squared_count / np.maximum(self.count, 1).astype(np.float64) ** 2, 1.0)

    def _off_centre(self, name: str, estimate: Floats) -> Floats:
        """Return how far the means over all documents are from those over the sample, [term]."""
        return np.zeros(len(estimate)) if self.centres is None else estimate - self.centres[name]

    def interval(self, name: str, estimate: Floats) -> tuple[Floats, Floats]:
        """Return lower and upper bounds of a quantity's mean, [term]; NaN for terms in only one row.

        Intervals from a sample are as wide as its size makes them, and lie around the means over all documents.

        Args:
            name: Name of the quantity.
            estimate: Its mean over all documents, [term]. A bound on its wrong side by a rounding error is moved to it.
        """
        ordered = np.sort(self.means[name], axis=1)
        n_valid = np.count_nonzero(~np.isnan(ordered), axis=1)
        tail = expanded_tail(self.n_rows)
        moved = self._off_centre(name, estimate)
        low, high = (_quantiles(ordered, n_valid, share) + moved for share in (tail, 1 - tail))
        if self.centres is not None and name in NOT_NEGATIVE:
            low = np.maximum(low, 0)
        rounding = REPLICATE_ROUNDING * np.abs(estimate) + SUM_ROUNDING
        low = np.where(np.abs(low - estimate) <= rounding, np.minimum(low, estimate), low)
        high = np.where(np.abs(high - estimate) <= rounding, np.maximum(high, estimate), high)
        known = (self.n_rows > 1) & (n_valid > 0)
        return np.where(known, low, np.nan), np.where(known, high, np.nan)

    def n_first(self, shrunken: Shrunken, estimate: Floats) -> int:
        """Return in how many replicates the term of largest posterior mean is first again.

        Terms are shrunken as over all documents; one that is not in the replicate is last.

        Args:
            shrunken: The corrected means over all documents; of equal ones the first counts.
            estimate: The same before they were shrunken, [term].
        """
        if not len(shrunken.means):
            return 0
        moved = (self._off_centre(CORRECTED, estimate) - shrunken.centre).astype(np.float32)
        own = (self.means[CORRECTED] + moved[:, None]) * shrunken.trust[:, None].astype(np.float32)
        winners = np.argmax(np.where(np.isnan(own), -np.inf, own), axis=0)
        return int(np.count_nonzero(winners == np.argmax(shrunken.means)))

    def variance(self, name: str) -> Floats:
        """Return the variance of a quantity's mean over the replicates, [term]."""
        means = self.means[name].astype(np.float64)
        variances = np.zeros(len(means))
        usable = np.count_nonzero(~np.isnan(means), axis=1) > 1
        variances[usable] = np.nanvar(means[usable], axis=1)
        return variances


def replicate_terms(  # noqa: PLR0913 - the data and how to resample them
    pairs: Callable[[], Iterator[Pairs]],
    documents: Documents,
    taken_off: Floats,
    n_terms: int,
    n_replicates: int,
    seed: int,
) -> TermReplicates:
    """Resample the input rows, and compute the means of all terms in each replicate.

    Args:
        pairs: Returns a new iterator over the terms by document each time it is called.
        documents: All documents, or a sample.
        taken_off: What corrects ln(n a) for length, [document].
        n_terms: Number of supported terms.
        n_replicates: Number of replicates.
        seed: The same seed gives the same replicates.
    """
    keys = document_keys(seed, documents.row_names)[documents.row]
    names = [*(quantity.name for quantity in QUANTITIES), CORRECTED]
    means = {name: np.full((n_terms, n_replicates), np.nan, np.float32) for name in names}
    with Progress(total=n_replicates, label="describe_terms: bootstrap", unit="replicates") as progress:
        for start in range(0, n_replicates, REPLICATES_AT_ONCE):
            some = range(start, min(start + REPLICATES_AT_ONCE, n_replicates))
            sums = _weighted_sums(pairs(), keys, taken_off, n_terms, some)
            drawn = sums["count"] > 0
            for name in names:
                ratio = from_fixed(sums[name]) / np.maximum(sums["count"], 1)
                means[name][:, some.start : some.stop] = np.where(drawn, ratio, np.nan)
            progress.advance(len(some))
    centres = _means(pairs(), taken_off, n_terms) if documents.is_sample else None
    return TermReplicates(*_count_rows(pairs(), documents, n_terms), means, centres)


def _weighted_sums(
    blocks: Iterator[Pairs], keys: NDArray[np.uint64], taken_off: Floats, n_terms: int, replicates: range
) -> dict[str, Integers]:
    """Return counts and sums weighted by document, [term, replicate]."""
    totals = {name: np.zeros((n_terms, len(replicates)), np.int64) for name in SUMMED}
    for block in blocks:
        drawn, column = np.unique(block.document, return_inverse=True)
        weights = poisson_weights(keys[drawn], replicates)
        for name, values in _summed(block, taken_off).items():
            # By column: a document's weights stay in the cache, which makes the product several times as fast.
            totals[name] += sparse.csc_array((values, (block.term, column)), shape=(n_terms, len(drawn))) @ weights
    return totals


def _summed(block: Pairs, taken_off: Floats) -> dict[str, Integers]:
    """Return what is added up, [pair] by the names `SUMMED`."""
    corrected = block.sums[LOG_RATIO.name] - to_fixed(block.count * taken_off[block.document])
    return block.sums | {"count": block.count, CORRECTED: corrected}


def _means(blocks: Iterator[Pairs], taken_off: Floats, n_terms: int) -> dict[str, Floats]:
    """Return the means of terms over their occurrences, [term]; NaN for a term without any."""
    totals = {name: np.zeros(n_terms, np.int64) for name in SUMMED}
    for block in blocks:
        for name, values in _summed(block, taken_off).items():
            np.add.at(totals[name], block.term, values)
    count = totals.pop("count")
    return {name: np.where(count > 0, from_fixed(sums) / np.maximum(count, 1), np.nan) for name, sums in totals.items()}


def _count_rows(blocks: Iterator[Pairs], documents: Documents, n_terms: int) -> tuple[Integers, Integers, Integers]:
    """Return the number of rows that contain each term, and the sums of c and c^2 over them, [term]."""
    n_rows = len(documents.row_names)
    found = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    found += [_sum_by_key(block.term * n_rows + documents.row[block.document], block.count) for block in blocks]
    # The documents of a row may be in several blocks.
    keys, count = _sum_by_key(*map(np.concatenate, zip(*found, strict=True)))
    term, total, squares = keys // n_rows, np.zeros(n_terms, np.int64), np.zeros(n_terms, np.int64)
    np.add.at(total, term, count)
    np.add.at(squares, term, count**2)
    return np.bincount(term, minlength=n_terms), total, squares


def _sum_by_key(keys: Integers, values: Integers) -> tuple[Integers, Integers]:
    """Return the distinct keys, ascending, and the sum of the values of each."""
    distinct, place = np.unique(keys, return_inverse=True)
    sums = np.zeros(len(distinct), np.int64)
    np.add.at(sums, place, values)
    return distinct, sums


def _quantiles(ordered: NDArray[np.float32], n_valid: Integers, share: Floats) -> Floats:
    """Interpolate each row's quantile among its first `n_valid` values."""
    place = share * np.maximum(n_valid - 1, 0)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(n_valid - 1, 0))
    rows = np.arange(len(ordered))
    low, high = ordered[rows, below].astype(np.float64), ordered[rows, above].astype(np.float64)
    return low + (high - low) * (place - below)
