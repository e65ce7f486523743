"""The stage `select_maps`: which documents get token-to-token maps."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from attviz_pipeline.artifacts import files, map_schemas, model_schemas, statistics_schemas
from attviz_pipeline.artifacts.checksums import require_unchanged
from attviz_pipeline.attention.maps.measuring import measure, of_all_lengths
from attviz_pipeline.attention.maps.reading import MapReader, with_texts
from attviz_pipeline.attention.maps.selection import COLUMNS, Selection, Sizes, budget, select_documents
from attviz_pipeline.attention.maps.size import Bounds, Estimate, ModelShape
from attviz_pipeline.config.settings import MapsSettings
from attviz_pipeline.stages import SelectMaps
from attviz_pipeline.tasks.registry import task_of

logger = logging.getLogger(__name__)

N_OTHERS = 1
"""Other models whose maps have room, also in a study that compares none: to compare one more changes no selection."""


def select_maps(  # noqa: PLR0913 - one parameter per file
    settings: SelectMaps,
    document_index: Path,
    shards: Sequence[Path],
    checkpoint: Path,
    card: Path,
    selection: Path,
) -> None:
    """Select documents by the predictions of the study's own model, and by the size of their maps.

    Args:
        settings: Which documents get maps, and what a map contains.
        document_index: All analysed documents with their predictions (schema `document_index`).
        shards: Their texts (schema `shard`); a few are read, to estimate the sizes of all.
        checkpoint: Folder with the study's own classifier.
        card: Facts of this classifier (schema `model`).
        selection: Where to write the selected documents and the reasons (schema `map_selection`).

    Raises:
        ArtifactError: An input is missing or damaged.
        AttentionError: The model returns no attention.
        ConfigError: The settings name documents that do not exist.
    """
    facts = files.read_json(card, model_schemas.MODEL)
    require_unchanged(checkpoint, facts["sha256"])
    index = files.read_table(document_index, statistics_schemas.DOCUMENT_INDEX, COLUMNS)
    sizes = _sizes(settings, index, shards, checkpoint, facts)
    task = task_of(files.read_facts(document_index, statistics_schemas.DOCUMENT_INDEX))
    chosen = select_documents(index, task, sizes, settings.maps, settings.seed)
    summary = _summary(index, sizes, chosen, settings.maps) | _of_model(facts)
    files.write_json(selection, map_schemas.MAP_SELECTION, summary)


def _sizes(
    settings: SelectMaps, index: pa.Table, shards: Sequence[Path], checkpoint: Path, facts: Mapping[str, Any]
) -> Sizes:
    documents = index.select(["position", "id", "n_tokens", "n_windows"]).to_pylist()
    if not settings.maps.documents and (settings.maps.max_documents == 0 or not budget(settings.maps)):
        return Sizes([1] * len(documents), [0] * len(documents), N_OTHERS)  # none is selected, so none is measured
    reader = MapReader(settings.attention, settings.maps, checkpoint, facts)
    texts = with_texts(of_all_lengths(documents), shards)
    bounds = Bounds(ModelShape.read(facts, checkpoint), facts["max_tokens"], settings.maps)
    estimate = Estimate(bounds, measure(reader, texts, settings.maps, facts), settings.attention.window_overlap)
    return Sizes([estimate.maps(one) for one in documents], [estimate.vectors(one) for one in documents], N_OTHERS)


def _of_model(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {"n_layers": facts["n_layers"], "n_heads": facts["n_heads"], "model": facts["sha256"]}


def _summary(index: pa.Table, sizes: Sizes, selection: Selection, settings: MapsSettings) -> dict[str, Any]:
    facts = index.select(["position", "id", "n_tokens", "n_windows"])
    documents = [
        {
            **facts.slice(row, 1).to_pylist()[0],
            "reason": reason,
            "vectors": row in selection.with_vectors,
            "models": row in selection.with_models,
            "estimated_bytes": sizes.maps[row] + sizes.vectors[row] * (row in selection.with_vectors),
        }
        for row, reason in selection.reasons.items()
    ]
    total, most = sum(document["estimated_bytes"] for document in documents), budget(settings)
    logger.info("maps of %d documents, about %.1f MB in a site", len(documents), total / 1e6)
    if total > most:
        logger.warning(
            "the documents that maps.documents names take about %.1f MB, more than maps.max_megabytes (%g) allows: "
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
