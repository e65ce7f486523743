"""The stage `extract_maps`: token-to-token maps of the selected documents."""

import logging
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

from attviz_pipeline.artifacts import files, map_schemas, model_schemas
from attviz_pipeline.artifacts.checksums import require_unchanged
from attviz_pipeline.artifacts.log_code import ATTENTION_CODE
from attviz_pipeline.attention.maps.columns import map_columns, vectors_fault
from attviz_pipeline.attention.maps.offsets import offset_pairs
from attviz_pipeline.attention.maps.reading import MapReader, with_texts
from attviz_pipeline.attention.maps.size import Bounds, ModelShape
from attviz_pipeline.attention.windows import Window
from attviz_pipeline.progress import track
from attviz_pipeline.stages import ExtractMaps

logger = logging.getLogger(__name__)

Row = dict[str, Any]


def extract_maps(  # noqa: PLR0913 - one parameter per file
    settings: ExtractMaps,
    selection: Path,
    shards: Sequence[Path],
    checkpoint: Path,
    card: Path,
    maps: Path,
) -> None:
    """Reduce the attention matrices of the selected documents, of every layer and head, to maps.

    Maps of another model than the study's own are compared with those of the own, head by head and token by token. So
    it has none if its layers or heads are others, and none of documents of which it reads other tokens.

    Args:
        settings: What a map contains.
        selection: The selected documents (schema `map_selection`).
        shards: Their texts (schema `shard`).
        checkpoint: Folder with the classifier.
        card: Facts of the classifier (schema `model`).
        maps: Where the maps go (schema `maps`).

    Raises:
        ArtifactError: An input is missing, damaged, or made with other settings.
        AttentionError: The model returns no attention, or other layers or heads than its metadata states.
        ResourceError: The requested device is not available, or memory or disk space is too small.
    """
    facts_of_model = files.read_json(card, model_schemas.MODEL)
    require_unchanged(checkpoint, facts_of_model["sha256"])
    chosen = files.read_json(selection, map_schemas.MAP_SELECTION)
    is_own = facts_of_model["sha256"] == chosen["model"]
    documents = sorted(chosen["documents"], key=itemgetter("position"))
    if not is_own:
        documents = [document for document in documents if document["models"]]
    if not _has_heads_of(facts_of_model, chosen):
        logger.info("no maps: this model has other layers or heads than the study's own")
        documents = []
    bounds = Bounds(ModelShape.read(facts_of_model, checkpoint), facts_of_model["max_tokens"], settings.maps)
    n_bytes = sum(bounds.maps(one) + bounds.vectors(one) * (is_own and one["vectors"]) for one in documents)
    files.require_space(maps, n_bytes, "the token-to-token maps")
    facts = {
        "n_layers": facts_of_model["n_layers"],
        "n_heads": facts_of_model["n_heads"],
        "thumbnail_size": settings.maps.thumbnail_size,
        "entries_per_row": settings.maps.entries_per_row,
        "code": ATTENTION_CODE.header(),
        "model": facts_of_model["sha256"],
    }
    with files.TableWriter(maps, map_schemas.MAPS, facts) as writer:
        if not documents:
            return
        reader = MapReader(settings.attention, settings.maps, checkpoint, facts_of_model)
        for row in _map_rows(documents, with_texts(documents, shards), reader, is_own=is_own):
            writer.write({name: [value] for name, value in row.items()})


def _has_heads_of(card: Row, own: Row) -> bool:
    return all(card[name] == own[name] for name in ("n_layers", "n_heads"))


def _map_rows(documents: list[Row], texts: list[Row], reader: MapReader, *, is_own: bool) -> Iterator[Row]:
    with_vectors = {document["position"] for document in documents if document["vectors"]} if is_own else set()
    faults = []
    for document in track(texts, total=len(texts), label="extract_maps", unit="documents"):
        if not is_own and not reader.reads_alike(document):
            continue
        has_vectors = document["position"] in with_vectors
        for number, (window, maps) in enumerate(reader.read(document, vectors=has_vectors)):
            faults += [vectors_fault(maps)] if has_vectors else []
            place = {"position": document["position"], "id": document["id"], "window": number}
            yield place | _window_columns(window) | map_columns(maps)
    if any(faults):
        _warn_of_missing_vectors(faults)


def _warn_of_missing_vectors(faults: list[str]) -> None:
    found = [fault for fault in faults if fault]
    logger.warning(
        "%d of %d maps are without query and key vectors: %s",
        *(len(found), len(faults), found[0]),
    )


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
