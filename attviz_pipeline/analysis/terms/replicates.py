"""Bootstrap intervals of terms over all heads: input rows are resampled with all their documents and tokens."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

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
MEANS_AT_ONCE = 2**23
"""Means of a quantity in one block, 32 MB in single precision. A block that has all terms stays in memory."""
TERMS_AT_ONCE = 1024
REPLICATE_ROUNDING = float(np.finfo(np.float32).eps)
SUM_ROUNDING = 2.0**-FIXED_BITS


class Block(NamedTuple):
    """Replicates of some terms.

    Attributes:
        terms: Which of all terms.
        means: By name of quantity, and `CORRECTED`, [term of the block, replicate]; NaN if the term is not in the
            replicate.
    """

    terms: slice
    means: Mapping[str, NDArray[np.float32]]


class Summary(NamedTuple):
    """What the replicates say about the means of terms, by name of quantity, and `CORRECTED`.

    Attributes:
        bounds: Lower and upper bound of the 95 % interval, both [term]; NaN for terms in only one input row.
        variances: Variance over the replicates, [term].
    """

    bounds: dict[str, tuple[Floats, Floats]]
    variances: dict[str, Floats]


@dataclass(frozen=True)
class TermReplicates:
    """Bootstrap replicates of the means of terms.

    Attributes:
        n_rows: Number of input rows that contain each term, [term].
        count: Occurrences in these rows, [term].
        squared_count: Sum of c^2 over these rows, c the occurrences in a row with all its documents, [term].
        blocks: Returns the means of the named quantities, some terms at a time.
        centres: If they are replicates of a sample, the means over the sample, [term] by the same names; NaN if a term
            is not in it. None if they are of all documents.
    """

    n_rows: Integers
    count: Integers
    squared_count: Integers
    blocks: Callable[[Sequence[str]], Iterator[Block]]
    centres: dict[str, Floats] | None = None

    @classmethod
    def of_means(
        cls, n_rows: Integers, count: Integers, squared_count: Integers, means: Mapping[str, NDArray[np.float32]]
    ) -> Self:
        """Take the means of all terms as one block."""
        return cls(n_rows, count, squared_count, lambda _: iter([Block(slice(0, len(n_rows)), means)]))

    @property
    def weights(self) -> Floats:
        """1 / effective number of rows of each term, [term]; 1 for a term that is in no row."""
        return np.where(self.count > 0, self.squared_count / np.maximum(self.count, 1).astype(np.float64) ** 2, 1.0)

    def _off_centre(self, name: str, estimate: Floats) -> Floats:
        """Return how far the means over all documents are from those over the sample, [term]."""
        return np.zeros(len(estimate)) if self.centres is None else estimate - self.centres[name]

    def summarise(self, estimates: Mapping[str, Floats]) -> Summary:
        """Return bounds and variances of the means of some quantities.

        Intervals from a sample are as wide as its size makes them, and lie around the means over all documents.

        Args:
            estimates: The means over all documents, [term] by name of quantity. A bound on the wrong side of its
                estimate by a rounding error is moved to it.
        """
        n_terms, tail = len(self.n_rows), expanded_tail(self.n_rows)
        lows, highs, variances = ({name: np.full(n_terms, np.nan) for name in estimates} for _ in range(3))
        for terms, means in self.blocks(list(estimates)):
            for name in estimates:
                lows[name][terms], highs[name][terms] = _bounds(means[name], tail[terms])
                variances[name][terms] = _variances(means[name])
        bounds = {name: self._around(name, lows[name], highs[name], estimates[name]) for name in estimates}
        return Summary(bounds, variances)

    def _around(self, name: str, low: Floats, high: Floats, estimate: Floats) -> tuple[Floats, Floats]:
        """Move bounds to where the estimate is; without two rows there are none."""
        moved = self._off_centre(name, estimate)
        low, high = low + moved, high + moved
        if self.centres is not None and name in NOT_NEGATIVE:
            low = np.maximum(low, 0)
        rounding = REPLICATE_ROUNDING * np.abs(estimate) + SUM_ROUNDING
        low = np.where(np.abs(low - estimate) <= rounding, np.minimum(low, estimate), low)
        high = np.where(np.abs(high - estimate) <= rounding, np.maximum(high, estimate), high)
        return np.where(self.n_rows > 1, low, np.nan), np.where(self.n_rows > 1, high, np.nan)

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
        trust = shrunken.trust.astype(np.float32)
        largest, winners = np.full(1, -np.inf), np.zeros(1, np.intp)
        for terms, means in self.blocks([CORRECTED]):
            own = (means[CORRECTED] + moved[terms, None]) * trust[terms, None]
            own = np.where(np.isnan(own), -np.inf, own)
            best = own.max(axis=0)
            # Of equal ones, the first block counts.
            winners = np.where(best > largest, terms.start + own.argmax(axis=0), winners)
            largest = np.maximum(best, largest)
        return int(np.count_nonzero(winners == np.argmax(shrunken.means)))


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
    parts = _slices(n_terms, max(1, MEANS_AT_ONCE // n_replicates))
    # Drawing takes longer than adding up, and one byte is enough for a weight.
    weights = np.empty((len(keys), n_replicates), np.uint8)
    replicates = _slices(n_replicates, REPLICATES_AT_ONCE)
    for some in replicates:
        weights[:, some] = poisson_weights(keys, range(some.start, some.stop))

    def blocks(wanted: Sequence[str]) -> Iterator[Block]:
        label, total = "describe_terms: bootstrap", n_replicates * len(parts)
        unit = "replicates" if len(parts) == 1 else "replicates of some words"
        with Progress(total=total, label=label, unit=unit) as progress:
            for terms in parts:
                means = {name: np.full((terms.stop - terms.start, n_replicates), np.nan, np.float32) for name in wanted}
                for some in replicates:
                    sums = _weighted_sums(pairs(), weights[:, some].astype(np.int64), taken_off, terms, wanted)
                    drawn = sums["count"] > 0
                    for name in wanted:
                        ratio = from_fixed(sums[name]) / np.maximum(sums["count"], 1)
                        means[name][:, some] = np.where(drawn, ratio, np.nan)
                    progress.advance(some.stop - some.start)
                yield Block(terms, means)

    # One block is computed once, with all quantities. More would not fit into memory.
    kept = list(blocks(names)) if len(parts) == 1 else []
    centres = _means(pairs(), taken_off, n_terms) if documents.is_sample else None
    counts = _count_rows(pairs(), documents, n_terms)
    return TermReplicates(*counts, (lambda _: iter(kept)) if kept else blocks, centres)


def _slices(number: int, n_at_once: int) -> list[slice]:
    return [slice(start, min(start + n_at_once, number)) for start in range(0, number, n_at_once)]


def _weighted_sums(
    blocks: Iterator[Pairs], weights: Integers, taken_off: Floats, terms: slice, names: Sequence[str]
) -> dict[str, Integers]:
    """Return counts and the named sums of some terms with the documents' weights, [term, replicate]."""
    shape = terms.stop - terms.start, len(weights)
    totals = {name: np.zeros((shape[0], weights.shape[1]), np.int64) for name in ("count", *names)}
    for block in blocks:
        mine = (block.term >= terms.start) & (block.term < terms.stop)
        places = block.term[mine] - terms.start, block.document[mine]
        for name in totals:
            values = _summed(block, taken_off, name)[mine]
            # By column: a document's weights stay in the cache, which makes the product several times as fast.
            totals[name] += sparse.csc_array((values, places), shape=shape) @ weights
    return totals


def _summed(block: Pairs, taken_off: Floats, name: str) -> Integers:
    """Return what is added up, [pair]: occurrences for `count`, or sums over them."""
    if name == CORRECTED:
        return block.sums[LOG_RATIO.name] - to_fixed(block.count * taken_off[block.document])
    return block.count if name == "count" else block.sums[name]


def _means(blocks: Iterator[Pairs], taken_off: Floats, n_terms: int) -> dict[str, Floats]:
    """Return the means of terms over their occurrences, [term]; NaN for a term without any."""
    totals = {name: np.zeros(n_terms, np.int64) for name in SUMMED}
    for block in blocks:
        for name, total in totals.items():
            np.add.at(total, block.term, _summed(block, taken_off, name))
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


def _bounds(means: NDArray[np.float32], tail: Floats) -> tuple[Floats, Floats]:
    """Return the quantiles of each term's replicates at both tails, [term]; NaN for a term that is in none."""
    ordered = np.sort(means, axis=1)
    n_valid = np.count_nonzero(~np.isnan(ordered), axis=1)
    return _quantiles(ordered, n_valid, tail), _quantiles(ordered, n_valid, 1 - tail)


def _variances(means: NDArray[np.float32]) -> Floats:
    """Return the variance over each term's replicates, [term]; 0 for a term that is in fewer than two."""
    variances = np.zeros(len(means))
    usable = np.flatnonzero(np.count_nonzero(~np.isnan(means), axis=1) > 1)
    # Copies in double precision, of some terms at a time.
    for start in range(0, len(usable), TERMS_AT_ONCE):
        some = usable[start : start + TERMS_AT_ONCE]
        variances[some] = np.nanvar(means[some].astype(np.float64), axis=1)
    return variances


def _quantiles(ordered: NDArray[np.float32], n_valid: Integers, share: Floats) -> Floats:
    """Interpolate each row's quantile among its first `n_valid` values."""
    place = share * np.maximum(n_valid - 1, 0)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(n_valid - 1, 0))
    rows = np.arange(len(ordered))
    low, high = ordered[rows, below].astype(np.float64), ordered[rows, above].astype(np.float64)
    return low + (high - low) * (place - below)
