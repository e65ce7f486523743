"""Which files or which hub repository the configuration means."""

import difflib
import os
import re
from pathlib import Path
from typing import Literal, NamedTuple

from attviz_pipeline.config.settings import DatasetSettings, Split
from attviz_pipeline.errors import DatasetError, Problem

Format = Literal["csv", "tsv", "json", "jsonl", "parquet", "attviz_json"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
FORMAT_OF_SUFFIX: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
COMPRESSED_SUFFIXES = {".gz", ".bz2", ".xz"}
MAX_HUB_ID_CHARACTERS = 96
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)


class SourceFile(NamedTuple):
    """One local file; `given` is its path as the configuration spells it."""

    given: str
    path: Path
    format: Format
    split: Split | None


def is_hub_id(settings: DatasetSettings) -> bool:
    """Tell a hub id from a path: it has the form of one, no suffix of a corpus file, and no such path exists."""
    source = settings.source
    return (
        source is not None
        and len(source) <= MAX_HUB_ID_CHARACTERS
        and HUB_ID.fullmatch(source) is not None
        and settings.format is None
        and Path(source).suffix.lower() not in {*FORMAT_OF_SUFFIX, ".txt", ".json", ".gz", ".zip"}
        and not Path(source).exists()
    )


def list_files(settings: DatasetSettings) -> list[SourceFile]:
    """List the local files to read, in the order train, validation, test.

    Raises:
        DatasetError: A file is missing, a folder, empty or of unknown format, or a key fits hub datasets only.
    """
    given: dict[Split | None, str] = {None: settings.source} if settings.source is not None else {}
    given |= {split: settings.files[split] for split in SPLITS if settings.files and split in settings.files}
    problems = _misplaced_keys(settings)
    problems += [
        Problem(_short(name), fault) for name in given.values() if (fault := _file_fault(Path(name), settings))
    ]
    if not given:
        problems.append(Problem("dataset.files", "names no file"))
    if problems:
        raise DatasetError("the dataset's files cannot be read:", problems)
    return [SourceFile(name, Path(name), _format(name, settings), split) for split, name in given.items()]


def _misplaced_keys(settings: DatasetSettings) -> list[Problem]:
    keys = {"revision": settings.revision, "subset": settings.subset, "splits": settings.splits}
    return [
        Problem(f"dataset.{key}", "fits a hub dataset only, and the source is a local file: remove the key")
        for key, value in keys.items()
        if value is not None
    ]


def _file_fault(path: Path, settings: DatasetSettings) -> str:
    """Say why a path is no file that can be read, or return an empty string."""
    try:
        if path.is_dir():
            return "is a folder: name a file in it"
        if not path.is_file():
            return f"does not exist{_neighbours(path)}"
        if not os.access(path, os.R_OK):
            return "may not be read: change its permissions"
        if path.stat().st_size == 0:
            return "is empty"
    except OSError as fault:
        return f"cannot be read: {fault.strerror}"
    known = settings.format is not None or path.suffix.lower() in FORMAT_OF_SUFFIX
    return "" if known else f"has no known suffix ({', '.join(FORMAT_OF_SUFFIX)}): set `dataset.format`"


def _short(name: str) -> str:
    shown = name if len(name) <= 200 else f"{name[:97]}...{name[-100:]}"
    return shown if shown and shown.isprintable() else repr(shown)


def _format(given: str, settings: DatasetSettings) -> Format:
    return settings.format or FORMAT_OF_SUFFIX[Path(given).suffix.lower()]


def _neighbours(path: Path) -> str:
    """Name files of the same folder that may have been meant."""
    if not path.parent.is_dir():
        return f": there is no folder {_short(str(path.parent))} (paths are relative to where the workflow runs)"
    # Names of files are foreign text: one that could steer a terminal is not worth showing.
    names = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file() and entry.name.isprintable())
    near = difflib.get_close_matches(path.name, names, n=5)
    near += [name for name in names if Path(name).suffix.lower() in FORMAT_OF_SUFFIX and name not in near]
    return f"; in the same folder: {', '.join(near[:5])}" if near else ""
