"""Words on which the prediction depends, over all documents and by predicted class, beside their self-attention."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from attviz_pipeline.artifacts import evidence_schemas, files, term_schemas
from attviz_pipeline.report.views.ranked_terms import N_ROWS as N_MOST_ATTENDED
from attviz_pipeline.significance import SIGNIFICANT
from attviz_pipeline.tasks.measured import Scale
from attviz_pipeline.tasks.registry import task_of

N_ROWS = 10
FEWEST_COMPARED = 5
"""Documents from which on a word is shown: of fewer, Student's t spans more than a probability can change."""
MEASURES = ("leave_one_out", "gradient_x_input")


class Attended(NamedTuple):
    """Where a term is in the ranking by self-attention over all heads."""

    rank: int
    """From 1."""
    times: float
    """Its self-attention in multiples of even attention."""


@dataclass(frozen=True)
class TermRowView:
    """One term of one measure and group.

    Args:
        term: Its spelling.
        n_documents: Measured documents of the group that contain it.
        mean: Mean over these; falls of a probability are 0..1, gradients in nats, both of a value in its unit.
        low: Lower 95 % bound of the mean; None with one input row.
        high: Upper bound.
        floor: The same of a random term of these documents.
        rank: Share of the words in the same documents that it exceeds, after shrinkage; 0.5 for a random one.
        q: False discovery rate.
        attended: Its self-attention; None where it was not ranked.
    """

    term: str
    n_documents: int
    mean: float
    low: float | None
    high: float | None
    floor: float
    rank: float
    q: float
    attended: Attended | None

    @property
    def is_found(self) -> bool:
        """Whether the prediction depends on the term more than on random terms, beyond chance."""
        return self.q < SIGNIFICANT


@dataclass(frozen=True)
class TermMeasureView:
    """What one measure says of the terms of one group.

    Args:
        measure: One of `MEASURES`.
        group: The predicted class of the documents, or one of their predicted labels; None for all documents.
        rows: The terms with the highest shrunken rank, at most `N_ROWS`.
        found: All terms on which the prediction depends more than on random ones, the highest shrunken rank
            first.
        n_terms: Terms that were compared.
        n_documents: Documents of the group that were measured.
        least: Documents in which a term must be to be compared.
        noun: What terms are: token or word.
        removal: How tokens were left out: mask, delete or hide.
        n_attended: Compared terms that are among the first of the ranking by self-attention.
        n_found_attended: The same of `found`.
        scale: What is measured.
        many_labels: Whether documents have several labels, so that what falls is of all of them.
    """

    measure: str
    group: str | None
    rows: list[TermRowView]
    found: list[TermRowView]
    n_terms: int
    n_documents: int
    least: int
    noun: str
    removal: str
    n_attended: int
    n_found_attended: int
    scale: Scale
    many_labels: bool = False

    @property
    def left_out(self) -> bool:
        """Whether tokens were left out: values are of `scale.fall_of`, and not of its gradient."""
        return self.measure == "leave_one_out"


class TermEvidence:
    """What was measured of terms, read once."""

    def __init__(self, term_evidence: Path, terms: Path) -> None:
        """Read the tables.

        Args:
            term_evidence: Artifact `term_evidence`.
            terms: Artifact `terms`, for the ranking by self-attention.

        Raises:
            ArtifactError: A table is missing or damaged.
        """
        self._facts = files.read_facts(term_evidence, evidence_schemas.TERM_EVIDENCE)
        self._task = task_of(self._facts)
        rows = files.read_table(term_evidence, evidence_schemas.TERM_EVIDENCE).to_pylist()
        ranking = files.read_table(terms, term_schemas.TERMS, ["term", "shrunken_log_ratio"]).to_pylist()
        self._attended = {
            row["term"]: Attended(rank, math.exp(row["shrunken_log_ratio"])) for rank, row in enumerate(ranking, 1)
        }
        self._rows: dict[tuple[str, str, str], list[TermRowView]] = {}
        for row in rows:
            if row["n_documents"] < FEWEST_COMPARED:
                continue
            self._rows.setdefault((row["measure"], row["grouping"], row["group"]), []).append(self._row(row))

    def of_all(self) -> list[TermMeasureView]:
        """Each measure over all measured documents."""
        return [self._view(measure, None) for measure in MEASURES]

    def of_class(self, label: int) -> list[TermMeasureView]:
        """Each measure over the documents that are predicted as a class."""
        return [self._view(measure, label) for measure in MEASURES]

    def _view(self, measure: str, label: int | None) -> TermMeasureView:
        facts: Mapping[str, Any] = self._facts["measures"][measure]
        name = None if label is None else self._facts["label_names"][label]
        rows = self._rows.get((measure, "all" if name is None else "predicted", name or ""), [])
        found = [row for row in rows if row.is_found]
        return TermMeasureView(
            measure=measure,
            group=name,
            rows=rows[:N_ROWS],
            found=found,
            n_terms=len(rows),
            n_documents=facts["n_documents"] if label is None else facts["n_predicted"][label],
            least=max(facts["min_document_frequency"], FEWEST_COMPARED),
            noun="token" if self._facts["level"] == "token" else "word",
            removal=self._facts["removal"],
            n_attended=_n_attended(rows),
            n_found_attended=_n_attended(found),
            scale=self._task.scale,
            many_labels=self._task.many_labels,
        )

    def _row(self, row: Mapping[str, Any]) -> TermRowView:
        return TermRowView(
            term=row["term"],
            n_documents=row["n_documents"],
            mean=row["mean"],
            low=row["mean_low"],
            high=row["mean_high"],
            floor=row["floor"],
            rank=min(max(row["shrunken_rank"], 0.0), 1.0),
            q=row["q"],
            attended=self._attended.get(row["term"]),
        )


def _n_attended(rows: Sequence[TermRowView]) -> int:
    return sum(row.attended is not None and row.attended.rank <= N_MOST_ATTENDED for row in rows)
