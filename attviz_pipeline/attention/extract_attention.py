"""The stage `extract_attention`: the self-attention of one shard."""

import logging
from collections.abc import Iterator, Sequence
from itertools import chain, groupby
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import torch

from attviz_pipeline.artifacts import attention_schemas, corpus_schemas, files, model_schemas
from attviz_pipeline.artifacts.checksums import require_unchanged
from attviz_pipeline.attention.background import one_ahead, one_behind
from attviz_pipeline.attention.batching import batch_windows, calibrate
from attviz_pipeline.attention.capture import Batch, Reading
from attviz_pipeline.attention.freeing import FreedMemory
from attviz_pipeline.attention.full_statistics import FullReading, FullStatistics
from attviz_pipeline.attention.opening import device_name, open_model, open_reader, open_tokenizer, require_heads
from attviz_pipeline.attention.rows import Row, document_row, full_columns
from attviz_pipeline.attention.windows import DocumentEncoder, EncodedDocument, Window
from attviz_pipeline.config.settings import AttentionSettings
from attviz_pipeline.faults import is_out_of_memory, too_long_for_memory
from attviz_pipeline.progress import Progress
from attviz_pipeline.stages import ExtractAttention
from attviz_pipeline.tasks.registry import task_of
from attviz_pipeline.unread import Unread

logger = logging.getLogger(__name__)

VALUES_PER_ROW_GROUP = 2_000_000  # 8 MB of float32; a few groups are in memory at once, later stages hold one
ROWS_PER_ROW_GROUP = 2_000  # for short texts and few heads, where rows take more memory than their values
CHARACTERS_PER_TOKEN = 4  # in English text; only used to estimate the disk space


def extract_attention(settings: ExtractAttention, shard: Path, checkpoint: Path, card: Path, attention: Path) -> None:
    """Read the self-attention of every layer and head for the documents of one shard.

    Args:
        settings: How to extract.
        shard: Documents (schema `shard`).
        checkpoint: Folder with the classifier.
        card: Facts of the classifier (schema `model`).
        attention: Where to write (schema `attention`).

    Raises:
        ArtifactError: An input is missing or damaged.
        AttentionError: The model returns no attention, or other layers or heads than its metadata states.
        ResourceError: The requested device is not available, or memory or disk space is too small.
    """
    model_card = files.read_json(card, model_schemas.MODEL)
    require_unchanged(checkpoint, model_card["sha256"])
    n_documents = files.count_rows(shard, corpus_schemas.SHARD)
    extraction = _Extraction(settings.attention, checkpoint, model_card)
    facts = {
        "n_layers": model_card["n_layers"],
        "n_heads": model_card["n_heads"],
        **task_of(model_card).facts,
        "model": model_card["sha256"],
        "offsets": extraction.has_offsets,
        "delimiters": extraction.delimiters,
        "mode": settings.attention.mode,
        "device": extraction.device,
        "precision": settings.attention.precision,
    }
    _require_space(shard, attention, model_card)
    with (
        Progress(
            total=n_documents, label=f"extract_attention {shard.stem}", unit="documents", part="tokens"
        ) as progress,
        files.TableWriter(attention, attention_schemas.ATTENTION, facts) as writer,
    ):
        blocks = _counted(one_ahead(extraction.blocks(shard)), progress)
        # One thread computes, one converts the results to tables, this one compresses and writes.
        for group in one_ahead(_row_groups(_as_table(rows) for rows in blocks)):
            writer.write_table(group)
    extraction.warn_of_unread()


class _Launched(NamedTuple):
    """A block in progress: a GPU may still be computing some of its batches."""

    rows: list[Row]
    documents: list[EncodedDocument]
    batches: list[tuple[list[int], Batch, list[FullReading]]]
    """Indices of windows in the block, the model's results, and the statistics of full mode."""


class _Extraction:
    """A loaded classifier with its tokenizer and settings."""

    def __init__(self, settings: AttentionSettings, checkpoint: Path, card: dict[str, Any]) -> None:
        self._card, self._task = card, task_of(card)
        self._mantissa_bits = settings.mantissa_bits
        self._freed = FreedMemory()
        tokenizer = open_tokenizer(checkpoint)
        self.has_offsets = bool(tokenizer.is_fast)
        self.delimiters = {"cls": tokenizer.cls_token, "sep": tokenizer.sep_token}
        self._tokenizer, self._unread = tokenizer, Unread.of(tokenizer)
        self._encoder = DocumentEncoder(tokenizer, settings, card["max_tokens"])
        model = open_model(checkpoint, settings)
        self.device = device_name(model.device)
        self._full = FullStatistics(model, tokenizer) if settings.mode == "full" else None
        self._reader = open_reader(model, tokenizer, settings, self._full)
        self._budget = None if settings.tokens_per_batch == "auto" else settings.tokens_per_batch

    def blocks(self, shard: Path) -> Iterator[list[Row]]:
        """Yield the finished rows of each block, in the shard's order."""
        launched = (self._launch(rows, documents) for rows, documents in one_ahead(self._encoded_blocks(shard)))
        # A GPU computes a block while the rows of the previous block are finished.
        yield from map(self._finish, one_behind(launched))

    def warn_of_unread(self) -> None:
        """Warn of unknown tokens and control tokens in the documents read so far."""
        self._unread.warn(self._tokenizer)

    def _encoded_blocks(self, shard: Path) -> Iterator[tuple[list[Row], list[EncodedDocument]]]:
        for _, block in groupby(_documents(shard), key=lambda row: row["block"]):
            rows = list(block)
            documents = self._encoder.encode([row["text"] for row in rows], [row["pair_start"] for row in rows])
            for document in documents:
                self._unread.count(document.token_ids, document.special, document.part)
            yield rows, documents

    def _launch(self, rows: list[Row], documents: list[EncodedDocument]) -> _Launched:
        windows = list(chain.from_iterable(document.windows for document in documents))
        if self._budget is None:
            self._budget = calibrate(self._reader.read, windows)
        launched = _Launched(rows, documents, [])
        for batch in batch_windows(windows, self._budget):
            launched.batches.extend(self._launch_batch(batch, windows))
        return launched

    def _launch_batch(
        self, indices: list[int], windows: Sequence[Window]
    ) -> list[tuple[list[int], Batch, list[FullReading]]]:
        chosen = [windows[index] for index in indices]
        try:
            batch = self._reader.launch(chosen)
            require_heads(batch, self._card)
            return [(indices, batch, self._full.readings() if self._full else [])]
        except (RuntimeError, MemoryError) as fault:
            if not is_out_of_memory(fault):
                raise
        # Outside the exception handler, which would keep the tensors of the failed batch alive.
        self._lower_budget(chosen)
        half = len(indices) // 2
        return self._launch_batch(indices[:half], windows) + self._launch_batch(indices[half:], windows)

    def _lower_budget(self, windows: Sequence[Window]) -> None:
        n_windows, n_tokens = len(windows), max(window.n_tokens for window in windows)
        if n_windows == 1:
            raise too_long_for_memory(n_tokens)
        self._budget = min(self._budget or n_windows * n_tokens, (n_windows - n_windows // 2) * n_tokens)
        logger.warning(
            "out of memory on a batch of %d inputs of up to %d tokens: reading it in halves, "
            "and continuing with attention.tokens_per_batch %d",
            *(n_windows, n_tokens, self._budget),
        )
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _finish(self, block: _Launched) -> list[Row]:
        readings: dict[int, Reading] = {}
        full: dict[int, FullReading] = {}
        for indices, batch, more in block.batches:
            readings.update(zip(indices, batch.readings(), strict=True))
            full.update(zip(indices, more, strict=self._full is not None))
        rows, first = [], 0
        for row, document in zip(block.rows, block.documents, strict=True):
            places = range(first, first + len(document.windows))
            found = document_row(
                document,
                [readings[i] for i in places],
                self._task,
                self._card["output_to_label"],
                self._mantissa_bits,
            )
            added = full_columns(document, [full[i] for i in places], self._mantissa_bits) if full else {}
            rows.append(row | found | added)
            first = places.stop
        self._freed.count(sum(window.n_tokens for document in block.documents for window in document.windows))
        return rows


def _documents(shard: Path) -> Iterator[Row]:
    # Few at a time, because Python objects take several times the memory of the table.
    for table in files.iter_tables(shard, corpus_schemas.SHARD):
        for batch in table.to_batches(max_chunksize=ROWS_PER_ROW_GROUP):
            yield from batch.to_pylist()


def _counted(blocks: Iterator[list[Row]], progress: Progress) -> Iterator[list[Row]]:
    """Update the progress bar for each block, because a row group takes too long."""
    for block in blocks:
        progress.advance(len(block), sum(len(row["tokens"]) for row in block))
        yield block


def _as_table(rows: list[Row]) -> pa.Table:
    """Convert rows to a table early: Python objects that outlive the model's large tensors fragment the memory."""
    return attention_schemas.ATTENTION.table(
        {name: [row.get(name) for row in rows] for name in attention_schemas.ATTENTION.arrow.names}
    )


def _row_groups(blocks: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Join blocks to row groups that are large enough for little overhead and small enough for readers' memory."""
    waiting: list[pa.Table] = []
    for block in blocks:
        waiting.append(block)
        if sum(map(_n_values, waiting)) >= VALUES_PER_ROW_GROUP or sum(map(len, waiting)) >= ROWS_PER_ROW_GROUP:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _n_values(block: pa.Table) -> int:
    columns = (block.column(name) for name in ("self_attention", "received", "value_norm"))
    return sum(len(chunk.flatten()) for column in columns for chunk in column.chunks)


def _require_space(shard: Path, attention: Path, card: dict[str, Any]) -> None:
    n_characters = sum(
        len(text.as_py())
        for table in files.iter_tables(shard, corpus_schemas.SHARD, ["text"])
        for text in table.column("text")
    )
    n_values = n_characters // CHARACTERS_PER_TOKEN * card["n_layers"] * card["n_heads"]
    files.require_space(attention, 4 * n_values, "the attention of this shard")
