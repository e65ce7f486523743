"""Terms ranked by self-attention relative to even attention, corrected for length, with intervals."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

N_ROWS = 25
ABOVE_BY_CHANCE = 0.025
COLUMNS = [
    *("term", "count", "document_frequency", "mean"),
    *("shrunken_log_ratio", "shrunken_log_ratio_low", "shrunken_log_ratio_high"),
]
"""What `ranked_view` reads of the tables of terms."""


@dataclass(frozen=True)
class RankedTermView:
    """One term of a ranking.

    `times` is its self-attention in multiples of even attention, with a 95 % interval; places are in percent of the
    axis.
    """

    term: str
    count: int
    document_frequency: int
    mean: float
    times: float
    low: float
    high: float
    place: float
    low_place: float
    high_place: float


@dataclass(frozen=True)
class TimesAxis:
    """A logarithmic axis of multiples of even attention, from one power of two to another."""

    low: float
    high: float

    @classmethod
    def around(cls, values: Sequence[float]) -> "TimesAxis":
        """Return the shortest axis that shows all values, which are positive."""
        low, high = math.floor(math.log2(min(values))), math.ceil(math.log2(max(values)))
        return cls(2.0**low, 2.0 ** max(high, low + 1))

    def place(self, value: float) -> float:
        """Where a value lies, in percent."""
        return round(100 * math.log(value / self.low) / math.log(self.high / self.low), 2)


@dataclass(frozen=True)
class RankedView:
    """The first terms of a ranking over all heads or in one, and what it rests on.

    Args:
        rows: The first terms.
        n_terms: How many are ranked.
        n_above: How many have an interval above the average term.
        least: Documents in which a term must occur to be ranked.
        n_documents: Analysed documents.
        noun: What terms are: token or word.
        average: Multiple of even attention of the average term.
        average_place: Where it lies on the axis, in percent.
        axis: The axis of places.
        corrected: Whether length could be corrected for.
        n_first: Bootstrap replicates in which the first term is first again; None for a single head.
        n_replicates: All replicates.
    """

    rows: list[RankedTermView]
    n_terms: int
    n_above: int
    least: int
    n_documents: int
    noun: str
    average: float
    average_place: float
    axis: TimesAxis
    corrected: bool
    n_first: int | None
    n_replicates: int

    @property
    def n_above_by_chance(self) -> float:
        """How many intervals would lie above the average, if all terms were as the average: the upper tail of 95 %."""
        return self.n_terms * ABOVE_BY_CHANCE

    @property
    def is_beyond_chance(self) -> bool:
        """Whether more intervals lie above the average than that."""
        return self.n_above > self.n_above_by_chance


def ranked_view(table: pa.Table, facts: Mapping[str, Any], prior: Mapping[str, float]) -> RankedView:
    """Put together a ranking.

    Args:
        table: All terms over all heads or in one, with `COLUMNS`, the first of the ranking first.
        facts: Facts of the table (schema TERMS or HEAD_TERMS).
        prior: What its terms were shrunk to, one of `shrinkage` in the facts.
    """
    average, rows = math.exp(prior["prior_mean"]), table.slice(0, N_ROWS).to_pylist()
    ends = [math.exp(row[f"shrunken_log_ratio_{end}"]) for row in rows for end in ("low", "high")]
    axis = TimesAxis.around([average, *ends])
    above = pc.greater(table["shrunken_log_ratio_low"], prior["prior_mean"])
    return RankedView(
        rows=[_term(row, axis) for row in rows],
        n_terms=facts["n_supported"],
        n_above=pc.sum(above, min_count=0).as_py(),
        least=facts["min_document_frequency"],
        n_documents=facts["n_documents"],
        noun="token" if facts["level"] == "token" else "word",
        average=average,
        average_place=axis.place(average),
        axis=axis,
        corrected=facts["length_curve"] != "none",
        n_first=facts.get("n_replicates_first"),
        n_replicates=facts["n_replicates"],
    )


def _term(row: Mapping[str, Any], axis: TimesAxis) -> RankedTermView:
    times, low, high = (math.exp(row[f"shrunken_log_ratio{end}"]) for end in ("", "_low", "_high"))
    return RankedTermView(
        term=row["term"],
        count=row["count"],
        document_frequency=row["document_frequency"],
        mean=row["mean"],
        times=times,
        low=low,
        high=high,
        place=axis.place(times),
        low_place=axis.place(low),
        high_place=axis.place(high),
    )
