"""Provenance of the figures: corpus, model, seed and code."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attviz_pipeline.artifacts import corpus_schemas, files, model_schemas
from attviz_pipeline.published import published_card

_CARD_FACTS = ("source", "subset", "revision", "sha256", "files", "source_sha256")


def study_provenance(dataset: Path, model: Path, seed: int, software: Mapping[str, str]) -> dict[str, Any]:
    """Collect the provenance of all figures of a study.

    Args:
        dataset: Card of the corpus (schema DATASET).
        model: Card of the classifier (schema MODEL).
        seed: Seed of the study.
        software: Commit of the code, and versions of what it ran on.

    Raises:
        ArtifactError: A card is missing or damaged.
    """
    cards = {
        "dataset": files.read_json(dataset, corpus_schemas.DATASET),
        "model": files.read_json(model, model_schemas.MODEL),
    }
    origin = {name: _origin(card) for name, card in cards.items()}
    return {**origin, "seed": seed, "software": dict(software)}


def _origin(card: Mapping[str, Any]) -> dict[str, Any]:
    shown = published_card(card)
    return {name: shown[name] for name in _CARD_FACTS if shown.get(name) is not None}
