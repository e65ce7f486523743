"""What the page of one document shows of what its prediction depends on."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from attviz_pipeline.config.settings import Removal
from attviz_pipeline.report import payload
from attviz_pipeline.report.rows import DocumentRow
from attviz_pipeline.report.sentences import document_evidence as sentences
from attviz_pipeline.report.sentences import parts
from attviz_pipeline.report.sentences.evidence import score_title
from attviz_pipeline.report.token_evidence import EvidenceSample, LeftOut, TokenEvidence
from attviz_pipeline.report.views.study import StudyView

N_CLASSES = 6
"""Most classes whose changes a page holds."""
BYTES_PER_NUMBER = 2.8
"""Most that a signed number takes of a page, packed and in base64."""
SECTION_BYTES = 3_200
"""What the sentences and the table of scores take."""
FEWEST_TOKENS = 2


@dataclass(frozen=True)
class TauView:
    """One row of the table of scores."""

    score: str
    tau: float


@dataclass(frozen=True)
class DocumentEvidenceView:
    """What the page shows; `payload` is for the page's scripts, the others but `taus` are sentences."""

    sentence: Markup
    shading: Markup
    classes_title: str
    agreement: str
    taus: list[TauView]
    payload: dict[str, Any]


def document_evidence_view(
    row: DocumentRow, evidence: TokenEvidence, sample: EvidenceSample, study: StudyView
) -> DocumentEvidenceView:
    """Put together what was measured for a document.

    Args:
        row: The document.
        evidence: What was measured.
        sample: The documents that were measured.
        study: Facts of the study.
    """
    left_out, removal = evidence.left_out, sample.removal
    return DocumentEvidenceView(
        sentence=parts.said(_sentences(row, evidence, sample, study)),
        shading=sentences.shading(gradient=evidence.gradient is not None, left_out=left_out is not None),
        classes_title=sentences.changes_of_classes(
            removal, min(len(study.label_names), N_CLASSES), len(study.label_names)
        )
        if left_out is not None
        else "",
        agreement=sentences.agreement(len(left_out.places), removal) if left_out is not None else "",
        taus=[TauView(score_title(tau.score, tau.layer), tau.tau) for tau in evidence.taus],
        payload=_payload(row, evidence, removal),
    )


def bytes_of_evidence(n_tokens: NDArray[np.float64], n_classes: int) -> float:
    """Estimate what the evidence of documents of so many tokens takes of a site."""
    return SECTION_BYTES * len(n_tokens) + float(n_tokens.sum()) * BYTES_PER_NUMBER * (1 + min(n_classes, N_CLASSES))


def _sentences(row: DocumentRow, evidence: TokenEvidence, sample: EvidenceSample, study: StudyView) -> Iterator[str]:
    if evidence.left_out is not None:
        changes = _changes(row, evidence.left_out, study)
        yield sentences.strongest_change(changes, sample.removal)
        yield sentences.flips(changes, sample.removal)
    else:
        yield sentences.not_left_out(sample, too_short=(~row.special).sum() < FEWEST_TOKENS)
    if evidence.gradient is None:
        yield sentences.no_gradient()


def _changes(row: DocumentRow, left_out: LeftOut, study: StudyView) -> sentences.Changes:
    of_prediction = left_out.changes[:, row.predicted]
    strongest = int(of_prediction.argmin())
    place = int(left_out.places[strongest])
    without = left_out.outputs + left_out.changes
    return sentences.Changes(
        prediction=study.label_names[row.predicted],
        probability=float(left_out.outputs[row.predicted]),
        token=parts.token(row.text[row.starts[place] : row.ends[place]] or row.tokens[place]),
        lowest=float(of_prediction[strongest]),
        median=float(np.median(np.abs(of_prediction))),
        n=len(of_prediction),
        n_flips=int((without.argmax(axis=1) != left_out.outputs.argmax()).sum()),
    )


def _payload(row: DocumentRow, evidence: TokenEvidence, removal: Removal) -> dict[str, Any]:
    content: dict[str, Any] = {"removal": removal}
    if evidence.gradient is not None:
        content["gradient"] = payload.encode_signed(evidence.gradient)
    if (left_out := evidence.left_out) is not None:
        classes = _shown_classes(row)
        changes = np.zeros((len(classes), len(row.tokens)), np.float32)
        changes[:, left_out.places] = left_out.changes[:, classes].T
        content["left_out"] = {"classes": classes, **payload.encode_signed(changes)}
    return content


def _shown_classes(row: DocumentRow) -> list[int]:
    """The predicted class, the gold class, then the most probable others."""
    known = [row.predicted, *([row.gold] if row.gold is not None else [])]
    order = np.argsort(-np.asarray(row.probabilities), kind="stable").tolist()
    return list(dict.fromkeys([*known, *order]))[:N_CLASSES]
