"""Groups of documents whose heads deviate from the mean in the same way."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.report.views.study import HeadRef, StudyView

NO_GROUP = -1


@dataclass(frozen=True)
class DeviationView:
    """A head whose activity in a group is above (z > 0) or below its mean."""

    head: HeadRef
    z: float


@dataclass(frozen=True)
class DocumentGroupView:
    """One group: its number from 1, its size, and the heads that deviate most."""

    number: int
    n_documents: int
    heads: list[DeviationView]


@dataclass(frozen=True)
class DocumentGroups:
    """All groups, none unless they were found.

    Args:
        groups: The groups, the largest first.
        outcome: not_compared, nothing_found or found.
        n_documents: Documents with terms.
        silhouette: Mean silhouette of the best grouping, None without one.
        silhouette_by_chance: What 95 % of clouds without groups stay below, None without a grouping.
        p: Share of such clouds with at least this silhouette, likewise.
        length_share: Share of the variance of length between the groups, None without groups.
        length_share_by_chance: The same of random groups of these sizes, on average.
        of_document: The 0-based group of each document, or -1, [position].
    """

    groups: list[DocumentGroupView]
    outcome: str
    n_documents: int
    silhouette: float | None
    silhouette_by_chance: float | None
    p: float | None
    length_share: float | None
    length_share_by_chance: float | None
    of_document: NDArray[np.int64]


def read_document_groups(path: Path, study: StudyView) -> DocumentGroups:
    """Read the groups of documents (schema DOCUMENT_GROUPS).

    Raises:
        ArtifactError: The table is missing or damaged, or of other documents.
    """
    table = files.read_table(path, term_schemas.DOCUMENT_GROUPS)
    if table["position"].to_pylist() != list(range(study.n_documents)):
        raise ArtifactError(f"{path} is of other documents.", remedy=files.REBUILD)
    facts = files.read_facts(path, term_schemas.DOCUMENT_GROUPS)
    return DocumentGroups(
        groups=[_group(number, group, study) for number, group in enumerate(facts["groups"], start=1)],
        outcome=facts["outcome"],
        n_documents=facts["n_documents"],
        silhouette=facts["silhouette"],
        silhouette_by_chance=(facts["silhouette_by_chance"] or {}).get("quantile_95"),
        p=facts["p"],
        length_share=facts["length_eta_squared"],
        length_share_by_chance=facts["length_eta_squared_by_chance"],
        of_document=table["group"].fill_null(NO_GROUP).to_numpy().astype(np.int64),
    )


def _group(number: int, group: dict[str, Any], study: StudyView) -> DocumentGroupView:
    rows = [(head["layer"] * study.n_heads + head["head"], head["z"]) for head in group["heads"]]
    return DocumentGroupView(number, group["n_documents"], [DeviationView(study.head_of(row), z) for row, z in rows])
