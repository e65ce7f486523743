"""Paths as a site shows them: without folders of the machine that built it."""

from collections.abc import Mapping
from pathlib import PureWindowsPath
from typing import Any

from attviz_pipeline.config.study import Study


def published(path: str) -> str:
    """Reduce a path outside the study's folder to its last component; keep hub ids and all other paths."""
    # Windows rules recognise both kinds of slashes, and drives.
    parts = PureWindowsPath(path)
    leads_out = path.startswith(("/", "\\", "~", "file:")) or bool(parts.drive) or ".." in parts.parts
    return parts.name or path if leads_out else path


def published_settings(settings: Study) -> Study:
    """Copy a configuration with publishable paths of its corpus, its model and its key."""
    dataset, model, redaction = settings.dataset, settings.model, settings.redaction
    key = redaction.key_file and published(redaction.key_file)
    source = dataset.source and published(dataset.source)
    given = dataset.files and {split: published(path) for split, path in dataset.files.items()}
    return settings.model_copy(
        update={
            "dataset": dataset.model_copy(update={"source": source, "files": given}),
            "model": model and model.model_copy(update={"source": published(model.source)}),
            "redaction": redaction.model_copy(update={"key_file": key}),
        }
    )


def published_card(card: Mapping[str, Any]) -> dict[str, Any]:
    """Copy the metadata of a corpus or a model with a publishable source and publishable paths of its files."""
    changed: dict[str, Any] = {
        name: published(card[name]) for name in ("source", "path") if isinstance(card.get(name), str)
    }
    if isinstance(card.get("files"), list):
        changed["files"] = [published_card(entry) for entry in card["files"]]
    return {**card, **changed}


def corpus_paths(card: Mapping[str, Any]) -> list[str]:
    """Return the configured paths of the corpus's files, longest first, so that replacing them one by one is safe."""
    return sorted({str(entry["path"]) for entry in card.get("files") or []}, key=len, reverse=True)
