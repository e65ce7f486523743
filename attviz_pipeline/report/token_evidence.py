"""What the prediction of a document depends on, token by token, for the documents that this was measured for."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from attviz_pipeline.artifacts import evidence_schemas, files
from attviz_pipeline.artifacts.layout import EvidencePaths
from attviz_pipeline.artifacts.rows import Row
from attviz_pipeline.artifacts.token_evidence import of_others, rows_by_position
from attviz_pipeline.config.settings import Removal
from attviz_pipeline.report.rows import DocumentRow
from attviz_pipeline.tasks.registry import task_of

TAU_COLUMNS = ["position", "score", "layer", "tau"]
RANDOM = "random"


@dataclass(frozen=True)
class LeftOut:
    """What leaving out each token of a document does.

    Args:
        places: The removed tokens, [removed].
        outputs: Probabilities of the whole document, 0..1, or its predicted value, [output].
        changes: Outputs without the token minus those of the whole document, [removed, output].
    """

    places: NDArray[np.int32]
    outputs: NDArray[np.float64]
    changes: NDArray[np.float32]


class ScoreTau(NamedTuple):
    """Kendall's tau of one score with how far the prediction depends on each token alone."""

    score: str
    layer: int | None
    tau: float


@dataclass(frozen=True)
class TokenEvidence:
    """What was measured for one document.

    Args:
        gradient: Gradient x input of the prediction, [token]; None if it was not finite.
        left_out: None outside of the smaller sample, and in documents with fewer than two tokens of text.
        taus: Scores of tokens with their tau, without random ones; empty where `left_out` is None.
    """

    gradient: NDArray[np.float32] | None
    left_out: LeftOut | None
    taus: list[ScoreTau] = field(default_factory=list)


@dataclass(frozen=True)
class EvidenceSample:
    """The documents that evidence was measured for.

    Args:
        positions: Those with gradients, of which the others are a part.
        n_left_out: Documents in which tokens were left out.
        removal: How a token was removed: mask, delete or hide.
    """

    positions: frozenset[int]
    n_left_out: int
    removal: Removal


class TokenEvidenceReader:
    """Evidence of documents in any order; all of it is in memory, which grows with the sample."""

    def __init__(self, paths: EvidencePaths) -> None:
        """Read the tables.

        Raises:
            ArtifactError: One is missing or damaged.
        """
        self._paths = paths
        self._gradients = rows_by_position(paths.gradients, evidence_schemas.GRADIENTS, ["id", "gradient_x_input"])
        facts = files.read_facts(paths.leave_one_out, evidence_schemas.LEAVE_ONE_OUT)
        self._outputs = task_of(facts).evidence.outputs
        self._left_out = rows_by_position(
            paths.leave_one_out, evidence_schemas.LEAVE_ONE_OUT, ["id", "places", self._outputs, "changes"]
        )
        self._taus = _read_taus(paths)
        self.sample = EvidenceSample(frozenset(self._gradients), len(self._left_out), facts["removal"])

    def of(self, document: DocumentRow) -> TokenEvidence | None:
        """What was measured for a document; None outside of the sample.

        Raises:
            ArtifactError: It was measured for another document.
        """
        row = self._gradients.get(document.position)
        if row is None:
            return None
        gradient = row.found("gradient_x_input")
        if row.scalar("id") != document.id or (gradient is not None and len(gradient) != len(document.tokens)):
            raise of_others(self._paths.gradients)
        left_out = self._left_out.get(document.position)
        return TokenEvidence(
            gradient=gradient,
            left_out=None if left_out is None else self._read_left_out(left_out, document),
            taus=self._taus.get(document.position, []),
        )

    def _read_left_out(self, row: Row, document: DocumentRow) -> LeftOut:
        places, outputs = row.array("places"), row.array(self._outputs)
        if row.scalar("id") != document.id or places.tolist() != np.flatnonzero(~document.special).tolist():
            raise of_others(self._paths.leave_one_out)
        return LeftOut(places, outputs, row.array("changes").reshape(len(places), len(outputs)))


def _read_taus(paths: EvidencePaths) -> dict[int, list[ScoreTau]]:
    table = files.read_table(paths.document_faithfulness, evidence_schemas.DOCUMENT_FAITHFULNESS, TAU_COLUMNS)
    known = table.filter(pc.and_(pc.is_valid(table["tau"]), pc.not_equal(table["score"], RANDOM)))
    found: dict[int, list[ScoreTau]] = {}
    for row in known.to_pylist():
        found.setdefault(row["position"], []).append(ScoreTau(row["score"], row["layer"], row["tau"]))
    return found
