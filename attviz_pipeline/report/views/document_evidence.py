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
from attviz_pipeline.tasks.task import Task

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
    left_out, removal, task = evidence.left_out, sample.removal, study.task
    n_outputs = len(task.output_names)
    return DocumentEvidenceView(
        sentence=parts.said(_sentences(row, evidence, sample, study)),
        shading=sentences.shading(task.scale, gradient=evidence.gradient is not None, left_out=left_out is not None),
        classes_title=sentences.changes_of_classes(removal, min(n_outputs, N_CLASSES), n_outputs, task)
        if left_out is not None
        else "",
        agreement=sentences.agreement(len(left_out.places), removal, task.scale) if left_out is not None else "",
        taus=[TauView(score_title(tau.score, tau.layer), tau.tau) for tau in evidence.taus],
        payload=_payload(row, evidence, removal, task),
    )


def bytes_of_evidence(n_tokens: NDArray[np.float64], task: Task[Any]) -> float:
    """Estimate what the evidence of documents of so many tokens takes of a site."""
    n_rows = 1 + min(len(task.output_names), N_CLASSES) + task.many_labels
    return SECTION_BYTES * len(n_tokens) + float(n_tokens.sum()) * BYTES_PER_NUMBER * n_rows


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
    task, outputs = study.task, left_out.outputs
    falls = task.falls(outputs, left_out.changes, row.predicted)
    strongest = int(task.dependence(falls).argmax())
    place = int(left_out.places[strongest])
    whole, *without = (
        task.predicted(task.predict(found)) for found in [outputs.tolist(), *(outputs + left_out.changes).tolist()]
    )
    return sentences.Changes(
        prediction="" if task.many_labels or not task.has_labels else task.spell(row.predicted),
        strength=float(task.strength(outputs, row.predicted)),
        token=parts.token(row.text[row.starts[place] : row.ends[place]] or row.tokens[place]),
        strongest=-float(falls[strongest]),
        mean=float(np.abs(falls).mean()),
        median=float(np.median(np.abs(falls))),
        n=len(falls),
        n_flips=sum(one != whole for one in without) if task.outcomes else None,
        scale=task.scale,
    )


def _payload(row: DocumentRow, evidence: TokenEvidence, removal: Removal, task: Task[Any]) -> dict[str, Any]:
    """Return what scripts read: numbers of the shown classes or labels, or of the value, [class, token].

    Of a label set also its own fall, [token], which that of no label is.
    """
    content: dict[str, Any] = {"removal": removal}
    if task.many_labels or not task.has_labels:
        content["of"] = task.scale.predicted.removeprefix("the ")
    if evidence.gradient is not None:
        content["gradient"] = payload.encode_signed(evidence.gradient)
    if (left_out := evidence.left_out) is not None:
        classes = _shown_classes(row, task)
        changes = np.zeros((len(classes), len(row.tokens)), np.float32)
        changes[:, left_out.places] = left_out.changes[:, classes].T
        content["left_out"] = {"classes": classes, **payload.encode_signed(changes)}
        if task.many_labels:
            fall = np.zeros(len(row.tokens), np.float32)
            fall[left_out.places] = task.falls(left_out.outputs, left_out.changes, row.predicted)
            content["fall"] = payload.encode_signed(fall)
    return content


def _shown_classes(row: DocumentRow, task: Task[Any]) -> list[int]:
    """The predicted class or labels, the gold ones, then the most probable others; in regression the only output."""
    if not task.has_labels:
        return [0]
    known = [*task.labels_in(row.predicted), *([] if row.gold is None else task.labels_in(row.gold))]
    order = np.argsort(-np.asarray(row.probabilities), kind="stable").tolist()
    return list(dict.fromkeys([*known, *order]))[:N_CLASSES]
