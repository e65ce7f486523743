"""The stage `leave_tokens_out`: what the prediction becomes without each token."""

from collections.abc import Sequence
from pathlib import Path

from attviz_pipeline.artifacts import evidence_schemas, files
from attviz_pipeline.evidence.removal import Remover, Variants
from attviz_pipeline.evidence.sample import is_too_short
from attviz_pipeline.evidence.sampled_study import SampledStudy
from attviz_pipeline.progress import Progress
from attviz_pipeline.stages import LeaveTokensOut


def leave_tokens_out(  # noqa: PLR0913 - one parameter per file
    settings: LeaveTokensOut,
    own_index: Path,
    document_index: Path,
    shards: Sequence[Path],
    checkpoint: Path,
    card: Path,
    leave_one_out: Path,
) -> None:
    """Remove each token of a sample of documents, one at a time, and read the document again.

    Args:
        settings: The sample, and how tokens are removed.
        own_index: Documents of the study's own model, of which the sample is drawn (schema `document_index`).
        document_index: The same documents with the predictions of this model (schema `document_index`).
        shards: The texts of the same documents (schema `shard`).
        checkpoint: Folder with the classifier.
        card: Facts of the classifier (schema `model`).
        leave_one_out: Where to write (schema `leave_one_out`).

    Raises:
        ArtifactError: An input is missing, damaged, or made with other settings.
        AttentionError: The model returned NaN or infinite values.
        ResourceError: The requested device is not available, or memory is too small.

    Source: Li, Monroe and Jurafsky 2016, "Understanding Neural Networks through Representation Erasure"; as a yardstick
    of attention: Jain and Wallace 2019, section 4.1.
    """
    evidence = settings.evidence
    study = SampledStudy(
        settings, own_index, document_index, shards, checkpoint, card, evidence.leave_one_out_documents
    )
    documents = [document for document in study.documents() if not is_too_short(document)]
    remover, classifier = Remover.of(evidence.removal, study.tokenizer), study.classifier
    variants = [
        Variants(document, [[token] for token in document.text_tokens.tolist()], remover) for document in documents
    ]
    n_passes = sum(one.n_passes for one in variants)
    classifier.log_cost("leave_tokens_out", n_passes, [window for one in documents for window in one.windows])
    schema = evidence_schemas.LEAVE_ONE_OUT.of(study.task.name)
    facts = {
        **study.facts,
        "removal": remover.how,
        "n_too_short": study.sample.num_rows - len(documents),
    }
    with (
        Progress(total=n_passes, label="leave_tokens_out", unit="forward passes") as progress,
        files.TableWriter(leave_one_out, schema, facts) as writer,
    ):
        for document, of_document in zip(documents, variants, strict=True):
            whole, without = of_document.read(classifier, progress.advance)
            row = {
                **document.identity,
                "places": document.text_tokens,
                study.task.evidence.outputs: whole,
                "changes": (without - whole).reshape(-1),
            }
            writer.write({name: [value] for name, value in row.items()})
