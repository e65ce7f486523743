"""The stage `import_attention`: attention from AttViz's JSON replaces corpus, model and extraction."""

import logging
import platform
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from attviz_pipeline.artifacts import attention_schemas, corpus_schemas, model_schemas
from attviz_pipeline.artifacts.checksums import digest
from attviz_pipeline.artifacts.files import TableWriter, require_space, write_json, write_table
from attviz_pipeline.dataset.imported.attviz_json import ImportedDocument, read_document
from attviz_pipeline.dataset.imported.survey import Entry, Survey, survey
from attviz_pipeline.dataset.imported.token_places import place_tokens
from attviz_pipeline.dataset.json_array import iter_array
from attviz_pipeline.dataset.sources import SourceFile, list_files
from attviz_pipeline.errors import DatasetError, Problem
from attviz_pipeline.progress import Progress
from attviz_pipeline.stages import ImportAttention
from attviz_pipeline.strata import seeded_rank
from attviz_pipeline.tasks.single_label import SingleLabel
from attviz_pipeline.token_texts import UNKNOWN
from attviz_pipeline.words import is_punctuation, word_of_each_token

VALUES_AT_ONCE = 8_000_000  # in the pending row groups of all shards
ROWS_PER_ROW_GROUP = 2_000

logger = logging.getLogger(__name__)


class ImportedFiles(NamedTuple):
    """The artifacts that the stage writes."""

    ledger: Path
    dataset_card: Path
    model_card: Path
    metrics: Path
    attention: Sequence[Path]


def import_attention(  # noqa: PLR0913 - one parameter per file
    settings: ImportAttention,
    ledger: Path,
    dataset_card: Path,
    model_card: Path,
    metrics: Path,
    attention: Sequence[Path],
) -> None:
    """Convert AttViz's JSON to the artifacts that later stages read, and account for every document.

    The file is read twice, one document at a time: first to check it, then to write. It specifies neither the layers
    and heads of its vectors nor gold labels, so the artifacts have one layer with as many heads as there are vectors,
    and no gold classes. Numbers are stored in single precision, like those in AttViz's own files.

    Args:
        settings: Seed, source, and numbers of documents and shards.
        ledger: Artifact `ledger`, written.
        dataset_card: Artifact `dataset`, written.
        model_card: Artifact `model`, written.
        metrics: Artifact `metrics`, written: no scores.
        attention: Artifacts `attention`, written; one per shard.

    Raises:
        DatasetError: The file cannot be read, or has unusable documents (all are listed) and `dataset.bad_rows` is not
            `skip`. Nothing is written then.
        ResourceError: The disk is too small for the artifacts.
    """
    source = list_files(settings.dataset)[0]
    found = survey(_documents(source, settings))
    _report_bad_documents(found, source, settings)
    output = ImportedFiles(ledger, dataset_card, model_card, metrics, attention)
    require_space(ledger, 2 * source.path.stat().st_size, "the imported attention")
    _Import(settings, source, found).write(output)


def _documents(source: SourceFile, settings: ImportAttention) -> Iterator[ImportedDocument]:
    for content in iter_array(source.path):
        document = read_document(content, settings.dataset.max_characters)
        if not document.faults and (n_absent := place_tokens(document.text, document.tokens).n_absent):
            document.oddities.append(f"{n_absent} of its {len(document.tokens)} tokens are not in its text")
        yield document


def _report_bad_documents(found: Survey, source: SourceFile, settings: ImportAttention) -> None:
    if not found.entries:
        raise DatasetError(f"{source.given} holds no document.")
    bad = [entry for entry in found.entries if entry.faults]
    problems = [
        Problem(f"{source.given} document {entry.number}, {fault.column}", fault.what)
        for entry in bad
        for fault in entry.faults
    ]
    if bad and (settings.dataset.bad_rows == "error" or not found.usable):
        raise DatasetError(
            f"{len(bad):,} of {len(found.entries):,} documents cannot be used:",
            problems,
            "Correct them, or set `dataset.bad_rows: skip` to leave them out and list them in the ledger.",
        )
    if bad:
        logger.warning("%d of %d documents are left out; the ledger lists each", len(bad), len(found.entries))


class _Import:
    """The import of a checked file."""

    def __init__(self, settings: ImportAttention, source: SourceFile, found: Survey) -> None:
        self._settings, self._source, self._found = settings, source, found
        self._sha256 = digest(source.path)
        self._task = SingleLabel(tuple(found.classes))
        self._left_out = found.repeated if settings.dataset.repeated_vectors == "leave_out" else {}
        self._rows = [index for index in range(len(found.names)) if index not in self._left_out]
        self._analysed = _sample(found.usable, settings)
        if self._left_out:
            logger.warning(
                "%d of %d vectors repeat another one in every document and are left out (dataset.repeated_vectors)",
                *(len(self._left_out), len(found.names)),
            )

    def write(self, output: ImportedFiles) -> None:
        with ExitStack() as stack:
            shards = [_Shard(stack, path, self._facts(), len(output.attention)) for path in output.attention]
            bar = Progress(total=len(self._analysed), label="import_attention", unit="documents")
            progress = stack.enter_context(bar)
            for position, (entry, document) in enumerate(self._chosen()):
                block = position // self._settings.documents.block_size
                shards[block % len(shards)].add(self._row(position, entry, document))
                progress.advance(1)
            for shard in shards:
                shard.flush()
        write_table(output.ledger, corpus_schemas.LEDGER, self._ledger())
        write_json(output.dataset_card, corpus_schemas.DATASET, self._dataset_card())
        write_json(output.model_card, model_schemas.MODEL, self._model_card())
        write_json(output.metrics, model_schemas.METRICS, {**self._task.facts, "splits": {}})

    def _chosen(self) -> Iterator[tuple[Entry, ImportedDocument]]:
        contents = iter_array(self._source.path)
        for entry, content in zip(self._found.entries, contents, strict=True):
            if entry.number in self._analysed:
                yield entry, read_document(content, self._settings.dataset.max_characters)

    def _row(self, position: int, entry: Entry, document: ImportedDocument) -> dict[str, Any]:
        probabilities = np.array([document.activations[name] for name in self._found.classes], np.float32)
        places, n_tokens = place_tokens(document.text, document.tokens), len(document.tokens)
        spans = zip(places.starts, places.ends, strict=True)
        window = {"first_token": 0, "n_tokens": n_tokens, "n_model_tokens": n_tokens, "probabilities": probabilities}
        return {
            "position": position,
            "id": str(entry.number),
            "source_id": str(entry.number),
            "split": "",
            "text": document.text,
            **self._task.predict(probabilities.tolist()),
            "tokens": document.tokens,
            "token_ids": [self._found.token_ids[token] for token in document.tokens],
            "starts": places.starts,
            "ends": places.ends,
            "special": places.special,
            "unknown": [token in UNKNOWN for token in document.tokens],
            "words": word_of_each_token(document.text, places.starts, places.ends, places.special),
            "punctuation": [is_punctuation(document.text[start:end]) for start, end in spans],
            "segments": [-1 if special else 0 for special in places.special],
            "windows": [window],
            "truncated": False,
            "self_attention": document.vectors[self._rows].reshape(-1),
        }

    def _facts(self) -> dict[str, Any]:
        return {
            "n_layers": 1,
            "n_heads": len(self._rows),
            **self._task.facts,
            "model": {self._source.path.name: self._sha256},
            "mode": "self_attention",
            "offsets": True,
            "vector_names": [self._found.names[index] for index in self._rows],
        }

    def _ledger(self) -> dict[str, list[Any]]:
        entries = self._found.entries
        return {
            "file": [self._source.given] * len(entries),
            "row": [entry.number for entry in entries],
            "id": [str(entry.number) for entry in entries],
            "split": [""] * len(entries),
            "status": [entry.faults[0].status if entry.faults else "kept" for entry in entries],
            "detail": [_detail(entry) for entry in entries],
        }

    def _dataset_card(self) -> dict[str, Any]:
        entries = self._found.entries
        file = {"path": self._source.given, "sha256": self._sha256, "n_rows": len(entries)}
        return {
            **self._task.facts,
            "n_rows": len(entries),
            "n_documents": len(self._found.usable),
            "splits": {},
            "source": self._source.given,
            "format": "attviz_json",
            "revision": None,
            "files": [file],
            "seed": self._settings.seed,
            "left_out": dict(sorted(Counter(entry.faults[0].status for entry in entries if entry.faults).items())),
            "documents_with_oddities": sum(bool(entry.oddities) for entry in self._found.usable),
            "versions": {"python": platform.python_version()},
        }

    def _model_card(self) -> dict[str, Any]:
        facts = self._facts()
        names = self._found.names
        return {
            "source": "a model that the file does not name",
            "revision": None,
            "mode": "imported",
            "n_layers": facts["n_layers"],
            "n_heads": facts["n_heads"],
            **self._task.facts,
            "vector_names": facts["vector_names"],
            "left_out_vectors": [f"{names[copy]}, a copy of {names[first]}" for copy, first in self._left_out.items()],
            "sha256": facts["model"],
        }


class _Shard:
    """One shard of attention; rows are buffered until there are enough for a row group."""

    def __init__(self, stack: ExitStack, path: Path, facts: dict[str, Any], n_shards: int) -> None:
        self._writer = stack.enter_context(TableWriter(path, attention_schemas.ATTENTION, facts))
        self._pending: list[dict[str, Any]] = []
        self._n_values, self._most_values = 0, max(1, VALUES_AT_ONCE // n_shards)

    def add(self, row: dict[str, Any]) -> None:
        self._pending.append(row)
        self._n_values += len(row["self_attention"])
        if self._n_values >= self._most_values or len(self._pending) >= ROWS_PER_ROW_GROUP:
            self.flush()

    def flush(self) -> None:
        if self._pending:
            names = attention_schemas.ATTENTION.arrow.names
            # Columns that only an extraction can fill stay empty.
            self._writer.write({name: [row.get(name) for row in self._pending] for name in names})
        self._pending, self._n_values = [], 0


def _sample(usable: Sequence[Entry], settings: ImportAttention) -> frozenset[int]:
    """Return the numbers of the documents to analyse: all, or a seeded sample."""
    numbers = [entry.number for entry in usable]
    most = settings.documents.max_documents
    if most is None or len(numbers) <= most:
        return frozenset(numbers)
    logger.info("%d of %d documents are analysed (documents.max_documents)", most, len(numbers))
    return frozenset(sorted(numbers, key=lambda number: seeded_rank(settings.seed, str(number).encode()))[:most])


def _detail(entry: Entry) -> str:
    return "; ".join(f"{fault.column}: {fault.what}" for fault in entry.faults) or "; ".join(entry.oddities)
