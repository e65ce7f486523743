"""The stage `extract_maps`: token-to-token maps of selected documents."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from attviz_pipeline.artifacts import files, map_schemas, model_schemas, statistics_schemas
from attviz_pipeline.artifacts.checksums import require_unchanged
from attviz_pipeline.artifacts.log_code import ATTENTION_CODE
from attviz_pipeline.attention.capture import AttentionReader
from attviz_pipeline.attention.documents import encode_document, read_texts
from attviz_pipeline.attention.maps.columns import map_columns, vectors_fault
from attviz_pipeline.attention.maps.offsets import offset_pairs
from attviz_pipeline.attention.maps.reduction import MapObserver
from attviz_pipeline.attention.maps.selection import COLUMNS, Selection, budget, select_documents
from attviz_pipeline.attention.maps.size import ModelShape, map_bytes, read_head_size
from attviz_pipeline.attention.opening import open_model, open_reader, open_tokenizer, require_heads
from attviz_pipeline.attention.windows import DocumentEncoder, Window
from attviz_pipeline.faults import is_out_of_memory, too_long_for_memory
from attviz_pipeline.progress import track
from attviz_pipeline.stages import ExtractMaps
from attviz_pipeline.tasks.registry import task_of

logger = logging.getLogger(__name__)

Row = dict[str, Any]


def extract_maps(  # noqa: PLR0913 - one parameter per file
    settings: ExtractMaps,
    document_index: Path,
    shards: Sequence[Path],
    checkpoint: Path,
    card: Path,
    maps: Path,
    selection: Path,
) -> None:
    """Select documents, and reduce their attention matrices of every layer and head to maps.

    Args:
        settings: Which documents get maps, and what a map contains.
        document_index: All analysed documents with their predictions (schema `document_index`).
        shards: The texts of the same documents (schema `shard`).
        checkpoint: Folder with the classifier.
        card: Facts of the classifier (schema `model`).
        maps: Where the maps go (schema `maps`).
        selection: Where to write the selected documents and the reasons (schema `map_selection`).

    Raises:
        ArtifactError: An input is missing, damaged, or made with other settings.
        AttentionError: The model returns no attention, or other layers or heads than its metadata states.
        ConfigError: The settings name documents that do not exist.
        ResourceError: The requested device is not available, or memory or disk space is too small.
    """
    facts_of_model = files.read_json(card, model_schemas.MODEL)
    require_unchanged(checkpoint, facts_of_model["sha256"])
    index = files.read_table(document_index, statistics_schemas.DOCUMENT_INDEX, COLUMNS)
    n_bytes = _map_bytes(index, settings, checkpoint, facts_of_model)
    task = task_of(files.read_facts(document_index, statistics_schemas.DOCUMENT_INDEX))
    chosen = select_documents(index, task, n_bytes, settings.maps, settings.seed)
    summary = _summary(index, n_bytes, chosen, settings)
    files.require_space(maps, summary["estimated_bytes"], "the token-to-token maps")
    facts = {
        "n_layers": facts_of_model["n_layers"],
        "n_heads": facts_of_model["n_heads"],
        "thumbnail_size": settings.maps.thumbnail_size,
        "entries_per_row": settings.maps.entries_per_row,
        "code": ATTENTION_CODE.header(),
        "model": facts_of_model["sha256"],
    }
    with files.TableWriter(maps, map_schemas.MAPS, facts) as writer:
        documents = read_texts(index.take(pa.array(sorted(chosen.reasons), pa.int64())), shards)
        for row in _map_rows(documents, settings, checkpoint, facts_of_model):
            writer.write({name: [value] for name, value in row.items()})
    files.write_json(selection, map_schemas.MAP_SELECTION, summary)


def _map_bytes(index: pa.Table, settings: ExtractMaps, checkpoint: Path, card: Row) -> list[int]:
    """Return the maximum size of each document's maps in bytes, assuming that each of several windows is full."""
    model = ModelShape(card["n_layers"], card["n_heads"], read_head_size(checkpoint))
    n_tokens = [min(n, card["max_tokens"]) for n in index["n_tokens"].to_pylist()]
    per_window = {n: map_bytes(model, n, settings.maps) for n in set(n_tokens)}
    return [per_window[n] * n_windows for n, n_windows in zip(n_tokens, index["n_windows"].to_pylist(), strict=True)]


def _summary(index: pa.Table, n_bytes: list[int], selection: Selection, settings: ExtractMaps) -> Row:
    facts = index.select(["position", "id", "n_tokens", "n_windows"])
    documents = [
        {**facts.slice(row, 1).to_pylist()[0], "reason": reason, "estimated_bytes": n_bytes[row]}
        for row, reason in selection.reasons.items()
    ]
    total, most = sum(document["estimated_bytes"] for document in documents), budget(settings.maps)
    logger.info("maps of %d documents, at most %.1f MB in a site", len(documents), total / 1e6)
    if total > most:
        logger.warning(
            "the documents that maps.documents names take up to %.1f MB, more than maps.max_megabytes (%g) allows: "
            "only these documents have maps",
            *(total / 1e6, settings.maps.max_megabytes),
        )
    return {
        "max_documents": settings.maps.max_documents,
        "max_bytes": most,
        "estimated_bytes": total,
        "documents": documents,
        "left_out": selection.left_out,
    }


def _map_rows(documents: list[Row], settings: ExtractMaps, checkpoint: Path, card: Row) -> Iterator[Row]:
    if not documents:
        return
    tokenizer = open_tokenizer(checkpoint)
    encoder = DocumentEncoder(tokenizer, settings.attention, card["max_tokens"])
    observer = MapObserver(settings.maps)
    reader = open_reader(open_model(checkpoint, settings.attention), tokenizer, settings.attention, observer)
    faults = []
    for document in track(documents, total=len(documents), label="extract_maps", unit="documents"):
        for number, window in enumerate(encode_document(encoder, document).windows):
            _read_alone(reader, window, card)
            maps = observer.collect()
            faults.append(vectors_fault(maps))
            place = {"position": document["position"], "id": document["id"], "window": number}
            yield place | _window_columns(window) | map_columns(maps)
    if settings.maps.vectors and any(faults):
        _warn_of_missing_vectors(faults)


def _warn_of_missing_vectors(faults: list[str]) -> None:
    found = [fault for fault in faults if fault]
    logger.warning(
        "%d of %d maps are without query and key vectors: %s",
        *(len(found), len(faults), found[0]),
    )


def _read_alone(reader: AttentionReader, window: Window, card: Row) -> None:
    try:
        batch = reader.launch([window])
        require_heads(batch, card)
        batch.readings()  # raises an error for NaN or infinite values
    except (RuntimeError, MemoryError) as fault:
        if is_out_of_memory(fault):
            raise too_long_for_memory(window.n_tokens) from None
        raise


def _window_columns(window: Window) -> Row:
    return {
        "first_kept": window.first,
        "n_kept": window.stop - window.first,
        "tokens": window.tokens,
        "token_ids": window.token_ids,
        "starts": window.starts,
        "ends": window.ends,
        "special": window.special,
        "offset_pairs": offset_pairs(window).numpy(),
    }
