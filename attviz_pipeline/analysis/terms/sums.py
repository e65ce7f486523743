"""Exact sums per supported term and head, added up over batches and shards."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attviz_pipeline.analysis import exact_sums
from attviz_pipeline.analysis.length import N_COLUMNS
from attviz_pipeline.analysis.lists import list_column, matrix
from attviz_pipeline.analysis.quantities import ATTENTION, LOG_RATIO, QUANTITIES, Quantity
from attviz_pipeline.analysis.terms.document_terms import DocumentTerms
from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.errors import ArtifactError

Integers = NDArray[np.int64]

LIMBS = exact_sums.SUM_LIMBS
WITH_INTERVALS = (ATTENTION, LOG_RATIO)
LOG_RATIO_LENGTH = tuple(f"log_ratio_length_{column}" for column in range(N_COLUMNS))
LIMB_SUMS = (
    *("attention", "attention_squares", "attention_cross", "attention_between"),
    *("normalised", "log_ratio", "log_ratio_cross", "log_ratio_between", *LOG_RATIO_LENGTH),
)
LENGTH_SUMS = {"length": N_COLUMNS, "length_cross": N_COLUMNS, "length_squares": N_COLUMNS**2}
COUNTS = ("count", "document_frequency", "squared_count")
ROWS_PER_GROUP = 1024


class TermSums:
    """Sums of the supported terms; `row` counts layer x head, x is a document's mean and c its occurrences.

    Attributes:
        counts: By name: occurrences, documents, and sum of c^2, [term].
        limbs: Limb sums by name, in normal form: `LIMB_SUMS` [term, limb, row], `LENGTH_SUMS` [term, limb, column].
        min: Smallest self-attention, [term, row]; 1 if there is none.
        max: Largest self-attention, [term, row]; 0 if there is none.
    """

    def __init__(self, n_terms: int, n_layers: int, n_heads: int) -> None:
        """Start with no occurrence."""
        n_rows = n_layers * n_heads
        self.n_layers, self.n_heads = n_layers, n_heads
        self.counts = {name: np.zeros(n_terms, np.int64) for name in COUNTS}
        widths = dict.fromkeys(LIMB_SUMS, n_rows) | LENGTH_SUMS
        self.limbs = {name: np.zeros((n_terms, LIMBS, width), np.int64) for name, width in widths.items()}
        self.min = np.ones((n_terms, n_rows), np.float32)
        self.max = np.zeros((n_terms, n_rows), np.float32)

    def add(self, pairs: DocumentTerms) -> None:
        """Add the terms of some documents."""
        first = pairs.first_pair
        if not len(first):
            return
        terms, count = pairs.term[first], pairs.count
        self.counts["count"][terms] += np.add.reduceat(count, first)
        self.counts["document_frequency"][terms] += np.diff(np.append(first, len(count)))
        self.counts["squared_count"][terms] += np.add.reduceat(count**2, first)
        self._add_limbs("attention_squares", terms, pairs.values**2, pairs.first_occurrence)
        for quantity in QUANTITIES:
            unit = quantity.to_unit(pairs.means[quantity.name])
            self._add_limbs(quantity.name, terms, unit, first, count)
            if quantity in WITH_INTERVALS:
                self._add_limbs(f"{quantity.name}_cross", terms, unit, first, count**2)
                self._add_limbs(f"{quantity.name}_between", terms, unit**2, first, count**2)
        self._add_length(pairs, terms)
        lowest = np.minimum.reduceat(pairs.values, pairs.first_occurrence, axis=0)
        highest = np.maximum.reduceat(pairs.values, pairs.first_occurrence, axis=0)
        self.min[terms] = np.minimum(self.min[terms], lowest.astype(np.float32))
        self.max[terms] = np.maximum(self.max[terms], highest.astype(np.float32))

    def _add_length(self, pairs: DocumentTerms, terms: Integers) -> None:
        """Add the products with the basis of length curves that corrected means and variances are made of."""
        first, count, length = pairs.first_pair, pairs.count, pairs.length
        self._add_limbs("length", terms, length, first, count)
        self._add_limbs("length_cross", terms, length, first, count**2)
        squares = (length[:, :, None] * length[:, None]).reshape(len(length), -1)
        self._add_limbs("length_squares", terms, squares, first, count**2)
        log_ratio = LOG_RATIO.to_unit(pairs.means[LOG_RATIO.name])
        for name, column in zip(LOG_RATIO_LENGTH, length.T, strict=True):
            self._add_limbs(name, terms, log_ratio * column[:, None], first, count**2)

    def add_file(self, path: Path) -> None:
        """Add the sums of one shard.

        Raises:
            ArtifactError: The file is unusable, or comes from another model or vocabulary.
        """
        for table in files.iter_tables(path, term_schemas.TERM_SUMS):
            terms = table["term"].to_numpy()
            n_values = len(terms) * self.min.shape[1]
            if len(terms) and (terms.max() >= len(self.min) or len(matrix(table, "min")) != n_values):
                raise ArtifactError(f"{path} is of another vocabulary or model.", remedy=files.REBUILD)
            for name in COUNTS:
                self.counts[name][terms] += table[name].to_numpy()
            for name, sums in self.limbs.items():
                self._carry(name, terms, matrix(table, name).reshape(len(terms), *sums.shape[1:]))
            self.min[terms] = np.minimum(self.min[terms], matrix(table, "min").reshape(len(terms), -1))
            self.max[terms] = np.maximum(self.max[terms], matrix(table, "max").reshape(len(terms), -1))

    def write(self, path: Path) -> None:
        """Write the artifact `term_sums`: the terms that occur."""
        occurring = np.flatnonzero(self.counts["count"])
        facts = {"n_layers": self.n_layers, "n_heads": self.n_heads}
        with files.TableWriter(path, term_schemas.TERM_SUMS, facts) as writer:
            for start in range(0, len(occurring), ROWS_PER_GROUP):
                writer.write_table(self._table(occurring[start : start + ROWS_PER_GROUP]))

    def means(self, quantity: Quantity) -> NDArray[np.float64]:
        """Return the mean over occurrences, [term, row]."""
        total = self.limbs[quantity.name].swapaxes(0, 1)
        return quantity.from_unit(exact_sums.mean(total, self.counts["count"][:, None]))

    def mean_length(self) -> NDArray[np.float64]:
        """Return the mean of the scaled basis of length curves over occurrences, [term, column]."""
        return self.total("length") / np.maximum(self.counts["count"], 1)[:, None]

    def total(self, name: str) -> NDArray[np.float64]:
        """Return a sum of values scaled to 0..1, [term, row or column]."""
        return exact_sums.mean(self.limbs[name].swapaxes(0, 1), np.ones(1, np.int64))

    def _table(self, terms: NDArray[np.intp]) -> pa.Table:
        lists: dict[str, NDArray[Any]] = {**self.limbs, "min": self.min, "max": self.max}
        columns = {"term": pa.array(terms.astype(np.int32))}
        columns |= {name: pa.array(values[terms]) for name, values in self.counts.items()}
        return pa.table(columns | {name: list_column(values[terms]) for name, values in lists.items()})

    def _add_limbs(
        self,
        name: str,
        terms: Integers,
        values: NDArray[np.float64],
        first: NDArray[np.intp],
        weights: Integers | None = None,
    ) -> None:
        limbs = exact_sums.to_limbs(values, LIMBS)
        if weights is not None:
            limbs *= weights[:, None]
        self._carry(name, terms, np.stack([np.add.reduceat(limb, first, axis=0) for limb in limbs], axis=1))

    def _carry(self, name: str, terms: Integers, sums: Integers) -> None:
        # Weighted limbs are large. After carrying only the highest limb grows; the sum of weights may be up to 2^33.
        total = self.limbs[name][terms] + sums
        self.limbs[name][terms] = exact_sums.carry(total.swapaxes(0, 1), LIMBS).swapaxes(0, 1)
