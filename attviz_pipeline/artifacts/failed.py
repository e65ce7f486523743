"""Markers of a compared model that failed, in place of the files that its stages would have written."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from attviz_pipeline.artifacts import files, models_schemas

MARKER = "failed.json"
"""Name of the marker in a folder that stands for an output folder."""
BEGINNING = f'{{\n  "schema": "attviz/{models_schemas.FAILED_MODEL.name}/'.encode()


@dataclass(frozen=True)
class Failed:
    """Why a compared model has no results.

    Args:
        stage: The stage that failed.
        reason: Its message on one line, without folders of the machine.
    """

    stage: str
    reason: str


def write_failed(place: Path, failed: Failed) -> None:
    """Write the marker in place of an output; a path without an ending becomes a folder with the marker in it."""
    if place.suffix:
        files.write_json(place, models_schemas.FAILED_MODEL, asdict(failed))
        return
    with files.atomic_directory(place) as folder:
        files.write_json(folder / MARKER, models_schemas.FAILED_MODEL, asdict(failed))


def read_failed(places: Iterable[Path]) -> Failed | None:
    """Read the first marker among files and folders; None if there is none.

    Raises:
        ArtifactError: A marker is damaged or of another version.
    """
    for place in places:
        path = place / MARKER if place.is_dir() else place
        if _is_marker(path):
            return Failed(**files.read_json(path, models_schemas.FAILED_MODEL))
    return None


def _is_marker(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(BEGINNING)) == BEGINNING
