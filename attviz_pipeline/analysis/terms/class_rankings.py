"""Terms ranked by self-attention within each class or label: over the documents that have it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attviz_pipeline.analysis.classes.groupings import documents_of_groups
from attviz_pipeline.analysis.inference import ratio_variance
from attviz_pipeline.analysis.quantities import ATTENTION, LOG_RATIO, from_fixed, to_fixed
from attviz_pipeline.analysis.shrinkage import shrink
from attviz_pipeline.analysis.terms.corpus import Documents, Pairs
from attviz_pipeline.analysis.terms.list_terms import Vocabulary
from attviz_pipeline.artifacts import files, term_schemas

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class RowSums:
    """Sums over the occurrences of each term in each input row, sorted by term, then row, each [pair].

    Attributes:
        term: Number of the term.
        n_documents: Documents of the row that contain the term.
        count: Occurrences, c.
        attention: Sum of the mean over heads of a.
        log_ratio: Sum of the same of ln(n a), corrected for length.
    """

    term: Integers
    n_documents: Integers
    count: Integers
    attention: Floats
    log_ratio: Floats


@dataclass(frozen=True)
class ClassRankings:
    """The rankings of all groups.

    Attributes:
        task: The study's task.
        grouping: gold, or predicted where no gold class is known.
        groups: Names of the classes or labels.
        n_documents: Documents of each, [group].
        sums: Of each group, over its documents.
    """

    task: str
    grouping: str
    groups: list[str]
    n_documents: list[int]
    sums: list[RowSums]

    @classmethod
    def of(cls, pairs: Iterable[Pairs], documents: Documents, taken_off: Floats) -> "ClassRankings":
        """Add up the terms of the documents of each class or label; of values, there are no groups.

        Args:
            pairs: Terms by document, read once.
            documents: All documents.
            taken_off: What corrects ln(n a) for length, [document].
        """
        grouping, inside = documents_of_groups(documents)
        names = documents.facts["label_names"][: inside.shape[1]]
        parts: list[list[Integers]] = [[np.empty((4, 0), np.int64)] for _ in names]
        for block in pairs:
            corrected = block.sums[LOG_RATIO.name] - to_fixed(block.count * taken_off[block.document])
            keys = block.term * len(documents.row_names) + documents.row[block.document]
            values = np.stack([keys, block.count, block.sums[ATTENTION.name], corrected])
            for group, part in enumerate(parts):
                part.append(values[:, inside[block.document, group]])
        sums = [_sums(np.concatenate(part, axis=1), len(documents.row_names)) for part in parts]
        return cls(documents.facts["task"], grouping, names, inside.sum(axis=0).tolist(), sums)

    def write(self, path: Path, terms: Vocabulary, facts: Mapping[str, Any]) -> None:
        """Write one row per group and term that enough of its documents contain; the highest shrunken value first.

        Args:
            path: Artifact `class_rankings`.
            terms: Names of the terms.
            facts: Facts of `terms`; `min_document_frequency` is the least number of documents of a group, too.
        """
        least = facts["min_document_frequency"]
        tables, priors = [], {}
        for group, sums in zip(self.groups, self.sums, strict=True):
            columns, priors[group] = _ranked(sums, terms, least)
            tables.append(pa.table({"group": [group] * len(columns["term"]), **columns}))
        found = {
            "task": self.task,
            "grouping": self.grouping,
            "n_documents": dict(zip(self.groups, self.n_documents, strict=True)),
            "n_terms": {group: table.num_rows for group, table in zip(self.groups, tables, strict=True)},
            "shrinkage": priors,
        }
        kept = {name: facts[name] for name in ("level", "min_document_frequency", "length_curve")}
        with files.TableWriter(path, term_schemas.CLASS_RANKINGS, {**kept, **found}) as writer:
            for table in tables:
                writer.write({name: table[name].combine_chunks() for name in table.column_names})


def _sums(pairs: Integers, n_rows: int) -> RowSums:
    """Add up pairs of term and document by term and input row.

    Args:
        pairs: Number of the term times `n_rows` plus that of the row, and what `RowSums` adds up, [4, pair].
        n_rows: Input rows.
    """
    keys, *values = pairs
    distinct, place, n_documents = np.unique(keys, return_inverse=True, return_counts=True)
    added = np.zeros((len(values), len(distinct)), np.int64)
    for total, value in zip(added, values, strict=True):
        np.add.at(total, place, value)
    return RowSums(distinct // n_rows, n_documents, added[0], from_fixed(added[1]), from_fixed(added[2]))


def _ranked(sums: RowSums, terms: Vocabulary, least: int) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the columns of a ranking, and what its terms were shrunk to.

    Source: Cochran 1977, chapter 6 (variance of a ratio); Morris 1983 (shrinkage).
    """
    n_terms = len(terms.terms)

    def per_term(values: NDArray[Any]) -> Floats:
        return np.bincount(sums.term, values.astype(np.float64), n_terms).astype(np.float64)

    count, n_documents = per_term(sums.count), per_term(sums.n_documents)
    ratio = per_term(sums.log_ratio) / np.maximum(count, 1)
    squared = per_term(sums.count**2)
    between, cross = per_term(sums.log_ratio**2), per_term(sums.log_ratio * sums.count)
    variance = ratio_variance(between, cross, squared, ratio, count)
    usable = np.flatnonzero((n_documents >= least) & ~terms.special)
    n_rows = np.bincount(sums.term, minlength=n_terms)
    found = shrink(ratio[usable], variance[usable], (squared / np.maximum(count, 1) ** 2)[usable], n_rows[usable])
    low, high = found.interval()
    # Ties are broken by the order of the vocabulary, which is total.
    order = np.argsort(-found.means, kind="stable")
    rows = usable[order]
    columns = {
        "term": [terms.terms[row] for row in rows],
        "count": count[rows].astype(np.int64),
        "document_frequency": n_documents[rows].astype(np.int64),
        "mean": (per_term(sums.attention) / np.maximum(count, 1))[rows],
        "corrected_log_ratio": ratio[rows],
        "shrunken_log_ratio": found.means[order],
        "shrunken_log_ratio_low": low[order],
        "shrunken_log_ratio_high": high[order],
    }
    return columns, {"prior_mean": found.centre, "prior_std": found.spread, "std_between_documents": found.std}
