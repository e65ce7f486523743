"""The stage `select_maps`: which documents get token-to-token maps."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from attviz_pipeline.artifacts import files, map_schemas, model_schemas, statistics_schemas
from attviz_pipeline.attention.maps.selection import COLUMNS, Selection, budget, select_documents
from attviz_pipeline.attention.maps.size import ModelShape, document_bytes
from attviz_pipeline.config.settings import MapsSettings
from attviz_pipeline.stages import SelectMaps
from attviz_pipeline.tasks.registry import task_of

logger = logging.getLogger(__name__)


def select_maps(settings: SelectMaps, document_index: Path, checkpoint: Path, card: Path, selection: Path) -> None:
    """Select documents by the predictions of the study's own model, and by the size of their maps.

    Args:
        settings: Which documents get maps, and what a map contains.
        document_index: All analysed documents with their predictions (schema `document_index`).
        checkpoint: Folder with the study's own classifier.
        card: Facts of this classifier (schema `model`).
        selection: Where to write the selected documents and the reasons (schema `map_selection`).

    Raises:
        ArtifactError: An input is missing or damaged.
        ConfigError: The settings name documents that do not exist.
    """
    facts = files.read_json(card, model_schemas.MODEL)
    index = files.read_table(document_index, statistics_schemas.DOCUMENT_INDEX, COLUMNS)
    lengths = index.select(["n_tokens", "n_windows"]).to_pylist()
    n_bytes = document_bytes(ModelShape.read(facts, checkpoint), lengths, facts["max_tokens"], settings.maps)
    task = task_of(files.read_facts(document_index, statistics_schemas.DOCUMENT_INDEX))
    chosen = select_documents(index, task, n_bytes, settings.maps, settings.seed)
    summary = _summary(index, n_bytes, chosen, settings.maps) | _of_model(facts)
    files.write_json(selection, map_schemas.MAP_SELECTION, summary)


def _of_model(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {"n_layers": facts["n_layers"], "n_heads": facts["n_heads"], "model": facts["sha256"]}


def _summary(index: pa.Table, n_bytes: list[int], selection: Selection, settings: MapsSettings) -> dict[str, Any]:
    facts = index.select(["position", "id", "n_tokens", "n_windows"])
    documents = [
        {**facts.slice(row, 1).to_pylist()[0], "reason": reason, "estimated_bytes": n_bytes[row]}
        for row, reason in selection.reasons.items()
    ]
    total, most = sum(document["estimated_bytes"] for document in documents), budget(settings)
    logger.info("maps of %d documents, at most %.1f MB in a site", len(documents), total / 1e6)
    if total > most:
        logger.warning(
            "the documents that maps.documents names take up to %.1f MB, more than maps.max_megabytes (%g) allows: "
            "only these documents have maps",
            *(total / 1e6, settings.max_megabytes),
        )
    return {
        "max_documents": settings.max_documents,
        "max_bytes": most,
        "estimated_bytes": total,
        "documents": documents,
        "left_out": selection.left_out,
    }
