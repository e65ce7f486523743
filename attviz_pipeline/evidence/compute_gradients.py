"""The stage `compute_gradients`: how the prediction depends on each token's embedding and on each head."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attviz_pipeline.artifacts import evidence_schemas, files
from attviz_pipeline.attention.matrices import QUERY_FIRST
from attviz_pipeline.errors import AttentionError
from attviz_pipeline.evidence.classifier import GatedClassifier
from attviz_pipeline.evidence.gates import Setting
from attviz_pipeline.evidence.sample import SampledDocument
from attviz_pipeline.evidence.sampled_study import SampledStudy
from attviz_pipeline.evidence.target import target
from attviz_pipeline.progress import Progress
from attviz_pipeline.stages import ComputeGradients

logger = logging.getLogger(__name__)

DOCUMENTS_AT_ONCE = 16
PASSES_PER_DOCUMENT = 2.3  # a forward pass, and a backward pass to embeddings and gates (benchmarks/evidence.md)


def compute_gradients(  # noqa: PLR0913 - one parameter per file
    settings: ComputeGradients,
    own_index: Path,
    document_index: Path,
    shards: Sequence[Path],
    checkpoint: Path,
    card: Path,
    gradients: Path,
) -> None:
    """Compute gradients of the log probabilities of prediction and gold value, or of the value, for a sample.

    Args:
        settings: The sample.
        own_index: Documents of the study's own model, of which the sample is drawn (schema `document_index`).
        document_index: The same documents with the predictions of this model (schema `document_index`).
        shards: The texts of the same documents (schema `shard`).
        checkpoint: Folder with the classifier.
        card: Facts of the classifier (schema `model`).
        gradients: Where to write (schema `gradients`).

    Raises:
        ArtifactError: An input is missing, damaged, or made with other settings.
        AttentionError: The model returned NaN or infinite values.
        ResourceError: The requested device is not available, or memory is too small.

    Sources: gradient x input: Shrikumar, Greenside and Kundaje 2017; its norm as a score of a token: Atanasova et al.
    2020; gradients at the gates of heads: Michel, Levy and Neubig 2019.
    """
    study = SampledStudy(settings, own_index, document_index, shards, checkpoint, card)
    documents, classifier = list(study.documents()), study.classifier
    windows = [window for document in documents for window in document.windows]
    classifier.log_cost("compute_gradients", PASSES_PER_DOCUMENT * len(windows), windows)
    fault = classifier.gates_fault(windows[0]) if windows else ""
    if fault:
        logger.warning("no gradients of heads: %s", fault)
    rows = sorted(gradient_rows(classifier, documents, gated=not fault), key=lambda row: row["position"])
    not_finite = [row["id"] for row in rows if row["gradient_x_input"] is None]
    if not_finite:
        logger.warning(
            "%d of %d documents have gradients that are NaN or infinite, which are left out: %s",
            *(len(not_finite), len(rows), ", ".join(map(repr, not_finite[:3]))),
        )
    facts = {
        **study.facts,
        "n_layers": classifier.n_layers,
        "n_heads": classifier.n_heads,
        "gates": fault or None,
        "n_not_finite": len(not_finite),
    }
    schema = evidence_schemas.GRADIENTS.of(study.task.name)
    columns = {name: [row[name] for row in rows] for name in schema.arrow.names}
    files.write_table(gradients, schema, columns, facts)


class _OfWindow(NamedTuple):
    """Gradients of one window for each target."""

    values: Tensor
    """[target]."""
    products: NDArray[np.float64]
    """Gradient times embedding, [target, token, size]."""
    gates: NDArray[np.float64] | None
    """[target, layer, head]; None if the heads have no gates."""


def gradient_rows(
    classifier: GatedClassifier, documents: Sequence[SampledDocument], *, gated: bool
) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table `gradients`, in another order than that of the documents.

    Args:
        classifier: The classifier.
        documents: The sample.
        gated: Whether the heads have gates.
    """
    # Documents with one target together, because a backward pass serves one target of a whole batch.
    ordered = sorted(documents, key=lambda document: (len(_targets(document)), len(document.encoded.tokens)))
    with Progress(total=len(ordered), label="compute_gradients", unit="documents", part="tokens") as progress:
        for n_targets in (1, 2):
            group = [document for document in ordered if len(_targets(document)) == n_targets]
            for start in range(0, len(group), DOCUMENTS_AT_ONCE):
                some = group[start : start + DOCUMENTS_AT_ONCE]
                yield from _block_rows(classifier, some, gated=gated)
                progress.advance(len(some), sum(len(document.encoded.tokens) for document in some))


def _targets(document: SampledDocument) -> list[Any]:
    return document.task.targets(document.gold, document.predicted)


def _block_rows(
    classifier: GatedClassifier, documents: Sequence[SampledDocument], *, gated: bool
) -> Iterator[dict[str, Any]]:
    places = [(document, number) for document in documents for number in range(len(document.windows))]
    windows = [document.windows[number] for document, number in places]
    # A gradient in one of several windows depends on the probabilities of all of them.
    known = {
        document.row["position"]: classifier.read(document.windows)
        for document in documents
        if len(document.windows) > 1
    }

    def run(batch: Sequence[int]) -> list[_OfWindow]:
        return _of_batch(classifier, [places[index] for index in batch], known, gated=gated)

    found = iter(classifier.in_batches(windows, run))
    for document in documents:
        yield _row(document, [next(found) for _ in document.windows])


def _of_batch(
    classifier: GatedClassifier,
    places: Sequence[tuple[SampledDocument, int]],
    known: dict[int, Tensor],
    *,
    gated: bool,
) -> list[_OfWindow]:
    windows = [document.windows[number] for document, number in places]
    gates = classifier.open_gates(len(windows)).requires_grad_()
    with _embeddings(classifier) as embedded:
        logits = classifier.forward(windows, Setting(gates, None, 0) if gated else None)
    [leaf] = embedded
    own = logits.detach().cpu()
    values, pulls = zip(
        *[
            _pull(own[row], number, known.get(document.row["position"]), document)
            for row, (document, number) in enumerate(places)
        ],
        strict=True,
    )
    sources = [leaf, gates] if gated else [leaf]
    n_targets = len(pulls[0])
    found = [
        torch.autograd.grad(
            logits,
            sources,
            torch.stack([pull[rank] for pull in pulls]).to(logits),
            retain_graph=rank < n_targets - 1,
        )
        for rank in range(n_targets)
    ]
    products = torch.stack([gradients[0] * leaf.detach() for gradients in found]).double().cpu()
    if classifier.model.config.model_type in QUERY_FIRST:
        products = products.transpose(1, 2)
    of_gates = torch.stack([gradients[1] for gradients in found]).double().cpu() if gated else None
    longest = max(window.n_tokens for window in windows)
    return [
        _OfWindow(
            values[row],
            products[:, row, classifier.place(window, longest)].numpy(),
            None if of_gates is None else of_gates[:, :, row].numpy(),
        )
        for row, window in enumerate(windows)
    ]


@contextmanager
def _embeddings(classifier: GatedClassifier) -> Iterator[list[Tensor]]:
    """Collect the token embeddings of the forward pass within, before positions are added, as leaves of its graph."""
    leaves: list[Tensor] = []

    def cut(_module: torch.nn.Module, _arguments: object, output: Tensor) -> Tensor:
        leaves.append(output.detach().requires_grad_())
        return leaves[-1].clone()  # a model may change it in place

    hook = classifier.model.get_input_embeddings().register_forward_hook(cut)
    try:
        yield leaves
    finally:
        hook.remove()
    if len(leaves) != 1:
        raise AttentionError(
            f"{type(classifier.model).__name__} reads its token embeddings {len(leaves)} times instead of once.",
            remedy="Set evidence.enabled: false for this model.",
        )


def _pull(own: Tensor, number: int, known: Tensor | None, document: SampledDocument) -> tuple[Tensor, Tensor]:
    """Return the targets of a document, [target], and their gradients at the logits of one window, [target, output]."""
    logits = own[None].clone() if known is None else known.clone()
    number = 0 if known is None else number
    logits[number] = own
    logits.requires_grad_()
    values = torch.stack([target(logits, value, document.task) for value in _targets(document)])
    pulls = [torch.autograd.grad(value, logits, retain_graph=True)[0][number] for value in values]
    return values.detach(), torch.stack(pulls)


def _row(document: SampledDocument, parts: Sequence[_OfWindow]) -> dict[str, Any]:
    n_targets, _, size = parts[0].products.shape
    products = np.zeros((n_targets, len(document.encoded.tokens), size))
    for number, part in enumerate(parts):
        places = document.token_places(number)
        # A token in the overlap of two windows is read twice, and its embedding acts through both.
        products[:, places[places >= 0]] += part.products[:, places >= 0]
    of_windows = [part.gates for part in parts if part.gates is not None]
    gates = np.sum(of_windows, axis=0) if of_windows else None
    is_finite = bool(np.isfinite(products).all() and (gates is None or np.isfinite(gates).all()))
    gold, values = document.gold, parts[0].values
    row = {**document.identity, document.task.evidence.target: float(values[0])}
    row["gold_log_probability"] = None if gold is None else float(values[-1])
    for prefix, rank in (("", 0), ("gold_", n_targets - 1)):
        wanted = is_finite and (not prefix or gold is not None)
        row[f"{prefix}gradient_x_input"] = products[rank].sum(axis=-1) if wanted else None
        row[f"{prefix}gradient_norm"] = np.linalg.norm(products[rank], axis=-1) if wanted else None
        row[f"{prefix}head_gradients"] = gates[rank].reshape(-1) if wanted and gates is not None else None
    return row
