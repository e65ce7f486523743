"""What every stage of evidence begins with: the classifier, its facts, and a sample of the documents."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from attviz_pipeline.artifacts import files, model_schemas, statistics_schemas
from attviz_pipeline.artifacts.checksums import require_unchanged
from attviz_pipeline.attention.documents import encode_document, read_texts
from attviz_pipeline.attention.opening import open_tokenizer
from attviz_pipeline.attention.windows import DocumentEncoder
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.evidence.classifier import GatedClassifier, open_classifier
from attviz_pipeline.evidence.sample import SampledDocument, draw_samples, read_index
from attviz_pipeline.stages import OnSample
from attviz_pipeline.tasks.registry import task_of


class SampledStudy:
    """A classifier of a study, and a sample of the documents, the same for every model of the study.

    Args:
        settings: Seed, sample, and how documents become model inputs.
        own_index: Documents of the study's own model, of which the sample is drawn (schema `document_index`): another
            tokenizer has other lengths, and would draw others.
        document_index: The same documents with the predictions of this model (schema `document_index`).
        shards: The texts of the same documents (schema `shard`).
        checkpoint: Folder with the classifier.
        card: Facts of the classifier (schema `model`).
        smaller: Size of a sample within the sample; none if left out.

    Raises:
        ArtifactError: An input is missing, damaged, or made with other settings.
    """

    def __init__(  # noqa: PLR0913 - one parameter per file
        self,
        settings: OnSample,
        own_index: Path,
        document_index: Path,
        shards: Sequence[Path],
        checkpoint: Path,
        card: Path,
        *smaller: int,
    ) -> None:
        self.card = files.read_json(card, model_schemas.MODEL)
        require_unchanged(checkpoint, self.card["sha256"])
        self._settings, self._shards, self._checkpoint = settings, shards, checkpoint
        self.tokenizer = open_tokenizer(checkpoint)
        self.task = task_of(files.read_facts(document_index, statistics_schemas.DOCUMENT_INDEX))
        self._index = read_index(document_index, self.task)
        own = self._index if own_index == document_index else read_index(own_index, self.task)
        self.sample = draw_samples(own, self.task, [settings.evidence.max_documents, *smaller], settings.seed)
        self._encoder = DocumentEncoder(self.tokenizer, settings.attention, self.card["max_tokens"])

    @cached_property
    def classifier(self) -> GatedClassifier:
        """The classifier with gates.

        Raises:
            ResourceError: The requested device is not available.
        """
        return open_classifier(self._checkpoint, self.tokenizer, self.card, self._settings.attention)

    @property
    def facts(self) -> dict[str, Any]:
        """The facts that every table of evidence has: the digests of the model, the device, and those of the task."""
        return {"model": self.card["sha256"], "device": self.classifier.device_name, **self.task.evidence_facts}

    def documents(self, part: pa.Table | None = None) -> Iterator[SampledDocument]:
        """Yield the documents of the sample, or of a part of it, as the extraction read them."""
        for row in read_texts(self._as_read(self.sample if part is None else part), self._shards):
            yield SampledDocument(row, encode_document(self._encoder, row), self.task)

    def _as_read(self, drawn: pa.Table) -> pa.Table:
        """Return the rows of this model for documents that were drawn from those of the study's own."""
        mine = self._index.filter(pc.is_in(self._index["position"], drawn["position"].combine_chunks()))
        if mine["id"].to_pylist() != drawn["id"].to_pylist():
            raise ArtifactError(
                "document_index of this model and of the study's own hold different documents.", (), files.REBUILD
            )
        return mine
