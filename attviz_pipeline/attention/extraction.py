"""The stage that reads the attention of one shard."""

import logging
from collections.abc import Iterator
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedTokenizerBase

from attviz_pipeline.artifacts import files, schemas
from attviz_pipeline.attention.background import one_ahead
from attviz_pipeline.attention.batching import batch_windows
from attviz_pipeline.attention.capture import AttentionReader, Reading
from attviz_pipeline.attention.memory import is_out_of_memory
from attviz_pipeline.attention.rounding import round_mantissa
from attviz_pipeline.attention.windows import DocumentEncoder, EncodedDocument, Window
from attviz_pipeline.config import AttentionSettings, ExtractAttention
from attviz_pipeline.errors import AttentionError, ResourceError
from attviz_pipeline.progress import Progress

logger = logging.getLogger(__name__)

Row = dict[str, Any]
VALUES_PER_ROW_GROUP = 8_000_000  # 32 MB of float32: what a later reader holds at once
ROWS_PER_ROW_GROUP = 2_000  # of short texts and few heads, the rows themselves weigh more than their values
CHARACTERS_PER_TOKEN = 4  # of English text; only used to guess how much disk will be needed


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
        AttentionError: The model returns no attention, or not what its card promises.
        ResourceError: The device asked for is not there, or memory or disk do not suffice.
    """
    model_card = files.read_json(card, schemas.MODEL)
    n_documents = files.count_rows(shard, schemas.SHARD)
    extraction = _Extraction(settings, checkpoint, model_card)
    facts = {
        "n_layers": model_card["n_layers"],
        "n_heads": model_card["n_heads"],
        "label_names": files.read_facts(shard, schemas.SHARD)["label_names"],
        "model": model_card["sha256"],
    }
    _require_space(shard, attention, model_card)
    with (
        Progress(
            total=n_documents, label=f"extract_attention {shard.stem}", unit="documents", part="tokens"
        ) as progress,
        files.TableWriter(attention, schemas.ATTENTION, facts) as writer,
    ):
        blocks = _counted(extraction.blocks(shard), progress)
        for rows in one_ahead(_row_groups(blocks)):
            writer.write({name: [row[name] for row in rows] for name in schemas.ATTENTION.arrow.names})


class _Extraction:
    """A loaded classifier, its tokenizer, and the settings that apply to both."""

    def __init__(self, settings: ExtractAttention, checkpoint: Path, card: dict[str, Any]) -> None:
        self._card = card
        self._budget = settings.attention.tokens_per_batch
        self._mantissa_bits = settings.attention.mantissa_bits
        tokenizer = AutoTokenizer.from_pretrained(checkpoint, local_files_only=True, trust_remote_code=False)
        self._encoder = DocumentEncoder(tokenizer, settings.attention, card["max_tokens"])
        device = _device(settings.attention)
        self._reader = _open_reader(checkpoint, tokenizer, device, settings.attention.precision)
        if tokenizer.pad_token_id is None:
            self._budget = 1
            logger.warning("the tokenizer has no padding token: documents are read one at a time")

    def blocks(self, shard: Path) -> Iterator[list[Row]]:
        """Yield the finished rows of each block of the shard, in the shard's order."""
        for rows, encoded in one_ahead(self._encoded_blocks(shard)):
            yield self._read_block(rows, encoded)

    def _encoded_blocks(self, shard: Path) -> Iterator[tuple[list[Row], list[EncodedDocument]]]:
        for _, block in groupby(_documents(shard), key=lambda row: row["block"]):
            rows = list(block)
            yield rows, self._encoder.encode([row["text"] for row in rows])

    def _read_block(self, rows: list[Row], encoded: list[EncodedDocument]) -> list[Row]:
        windows = list(chain.from_iterable(document.windows for document in encoded))
        readings: dict[int, Reading] = {}
        for batch in batch_windows(windows, self._budget):
            readings.update(zip(batch, self._read_batch([windows[index] for index in batch]), strict=True))
        in_order = iter(readings[index] for index in range(len(windows)))
        return [
            row | self._result(document, [next(in_order) for _ in document.windows])
            for row, document in zip(rows, encoded, strict=True)
        ]

    def _read_batch(self, windows: list[Window]) -> list[Reading]:
        try:
            readings = self._reader.read(windows)
        except (RuntimeError, MemoryError) as fault:
            if not is_out_of_memory(fault):
                raise
            readings = []
        # Outside the handler, which would keep the failed batch's tensors alive.
        return self._checked(readings) if readings else self._read_halves(windows)

    def _read_halves(self, windows: list[Window]) -> list[Reading]:
        n_windows, n_tokens = len(windows), max(window.n_tokens for window in windows)
        if n_windows == 1:
            raise ResourceError(
                f"out of memory on a single input of {n_tokens} tokens: "
                "lower model.max_tokens, or use a machine with more memory."
            )
        half = n_windows // 2
        self._budget = min(self._budget, (n_windows - half) * n_tokens)
        logger.warning(
            "out of memory on a batch of %d inputs of up to %d tokens: reading it in halves, "
            "and going on with attention.tokens_per_batch %d",
            *(n_windows, n_tokens, self._budget),
        )
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return self._read_batch(windows[:half]) + self._read_batch(windows[half:])

    def _checked(self, readings: list[Reading]) -> list[Reading]:
        found = tuple(readings[0].self_attention.shape[:2])
        if found != (self._card["n_layers"], self._card["n_heads"]):
            raise AttentionError(
                f"the model returned attention of {found[0]} layers x {found[1]} heads, "
                f"its card names {self._card['n_layers']} x {self._card['n_heads']}."
            )
        return readings

    def _result(self, document: EncodedDocument, readings: list[Reading]) -> Row:
        probabilities = [self._probabilities(reading) for reading in readings]
        overall = np.mean(probabilities, axis=0)
        parts = [
            reading.self_attention[:, :, window.first : window.stop]
            for reading, window in zip(readings, document.windows, strict=True)
        ]
        return {
            "prediction": int(overall.argmax()),
            "probabilities": overall.astype(np.float32),
            "tokens": document.tokens,
            "token_ids": document.token_ids,
            "starts": document.starts,
            "ends": document.ends,
            "special": document.special,
            "windows": _window_rows(document, probabilities),
            "truncated": document.truncated,
            "self_attention": round_mantissa(torch.cat(parts, dim=-1).numpy().reshape(-1), self._mantissa_bits),
        }

    def _probabilities(self, reading: Reading) -> npt.NDArray[np.float64]:
        softmax = reading.logits.double().softmax(dim=-1).numpy()
        probabilities = np.zeros_like(softmax)
        probabilities[self._card["output_to_label"]] = softmax
        return probabilities


def _documents(shard: Path) -> Iterator[Row]:
    # Few at a time: as Python objects, documents take several times the memory of the table.
    for table in files.iter_tables(shard, schemas.SHARD):
        for batch in table.to_batches(max_chunksize=ROWS_PER_ROW_GROUP):
            yield from batch.to_pylist()


def _window_rows(document: EncodedDocument, probabilities: list[npt.NDArray[np.float64]]) -> list[Row]:
    rows, first = [], 0
    for window, values in zip(document.windows, probabilities, strict=True):
        n_kept = window.stop - window.first
        rows.append(
            {
                "first_token": first,
                "n_tokens": n_kept,
                "n_model_tokens": window.n_tokens,
                "probabilities": values.astype(np.float32),
            }
        )
        first += n_kept
    return rows


def _counted(blocks: Iterator[list[Row]], progress: Progress) -> Iterator[list[Row]]:
    """Count documents when they are read: a row group takes too long to be the step of a progress bar."""
    for block in blocks:
        progress.advance(len(block), sum(len(row["tokens"]) for row in block))
        yield block


def _row_groups(blocks: Iterator[list[Row]]) -> Iterator[list[Row]]:
    """Join blocks until a row group is worth its overhead, but never so many that a reader needs much memory."""
    rows: list[Row] = []
    n_values = 0
    for block in blocks:
        rows += block
        n_values += sum(row["self_attention"].size for row in block)
        if n_values >= VALUES_PER_ROW_GROUP or len(rows) >= ROWS_PER_ROW_GROUP:
            yield rows
            rows, n_values = [], 0
    if rows:
        yield rows


def _open_reader(
    checkpoint: Path, tokenizer: PreTrainedTokenizerBase, device: torch.device, precision: str
) -> AttentionReader:
    model = AutoModelForSequenceClassification.from_pretrained(
        checkpoint,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        dtype=torch.float32,
        attn_implementation="eager",
    )
    return AttentionReader(
        model.to(device),
        pad_token_id=tokenizer.pad_token_id,
        left_padded=tokenizer.padding_side == "left",
        typed="token_type_ids" in tokenizer.model_input_names,
        precision=precision,
    )


def _device(wanted: AttentionSettings) -> torch.device:
    available = torch.cuda.is_available()
    if wanted.device == "cuda" and not available:
        raise ResourceError(
            "attention.device is `cuda`, but no GPU is visible here: ask for one, or set `auto` or `cpu`."
        )
    device = torch.device("cuda" if available and wanted.device != "cpu" else "cpu")
    if device.type == "cpu" and wanted.precision != "float32":
        raise ResourceError(
            f"attention.precision is `{wanted.precision}`, which needs a GPU, but attention is extracted on the CPU "
            f"(attention.device: {wanted.device}): set `float32`, or ask for a GPU."
        )
    logger.info("extracting on %s (attention.device: %s) in %s", device, wanted.device, wanted.precision)
    return device


def _require_space(shard: Path, attention: Path, card: dict[str, Any]) -> None:
    n_characters = sum(
        len(text.as_py())
        for table in files.iter_tables(shard, schemas.SHARD, ["text"])
        for text in table.column("text")
    )
    n_values = n_characters // CHARACTERS_PER_TOKEN * card["n_layers"] * card["n_heads"]
    files.require_space(attention, 4 * n_values, "the attention of this shard")
