"""Words ranked by self-attention within the documents of each class or label."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow.compute as pc

from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.artifacts.layout import TermPaths
from attviz_pipeline.report.views.ranked_terms import COLUMNS, RankedTermView, RankedView, ranked_view


@dataclass(frozen=True)
class ClassRankingView:
    """The ranking of one class.

    Attributes:
        grouping: gold, or predicted where no gold class is known.
        ranked: The first words of its documents.
        everywhere: Self-attention of words in all documents, in multiples of even attention.
        documents: In how many documents each of these words is.
    """

    grouping: str
    ranked: RankedView
    everywhere: Mapping[str, float]
    documents: Mapping[str, int]

    def elsewhere(self, row: RankedTermView) -> float | None:
        """Self-attention of a word in all documents; None where no document of another class has it."""
        return self.everywhere[row.term] if self.documents[row.term] > row.document_frequency else None


def read_class_rankings(paths: TermPaths) -> dict[str, ClassRankingView]:
    """Read the ranking of every class or label, by its name.

    Raises:
        ArtifactError: A table is missing or damaged.
    """
    facts = files.read_facts(paths.class_rankings, term_schemas.CLASS_RANKINGS)
    table = files.read_table(paths.class_rankings, term_schemas.CLASS_RANKINGS, ["group", *COLUMNS])
    wanted = ["term", "shrunken_log_ratio", "document_frequency"]
    terms = files.read_table(paths.terms, term_schemas.TERMS, wanted).to_pylist()
    everywhere = {row["term"]: math.exp(row["shrunken_log_ratio"]) for row in terms}
    documents = {row["term"]: row["document_frequency"] for row in terms}
    return {
        group: ClassRankingView(
            facts["grouping"],
            ranked_view(
                table.filter(pc.equal(table["group"], group)).select(COLUMNS),
                {**facts, "n_supported": n_terms, "n_documents": facts["n_documents"][group], "n_replicates": 0},
                facts["shrinkage"][group],
            ),
            everywhere,
            documents,
        )
        for group, n_terms in facts["n_terms"].items()
    }
