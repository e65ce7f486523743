"""Find the configured files, or recognise a hub id, and check the files' formats."""

import difflib
import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import unquote, urlsplit

from attviz_pipeline.config.settings import DatasetFormat, DatasetSettings, Split
from attviz_pipeline.errors import DatasetError, Problem

Format = DatasetFormat | Literal["saved"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
FORMAT_OF_SUFFIX: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
}
COMPRESSED_SUFFIXES = {".gz", ".bz2", ".xz", ".zst"}
_ARCHIVE = "is an archive: unpack it, and name the file in it"
_SHEET = "is a spreadsheet: save the sheet as CSV in UTF-8, and name that file"
_PICKLE = "may hold code, so it is never opened: save the table as Parquet or CSV, and name that file"
_FOREIGN = "is of a format that is not read here: save the table as Parquet or CSV, and name that file"
REMEDY_OF_SUFFIX = {
    **dict.fromkeys((".zip", ".tar", ".tgz", ".7z", ".rar"), _ARCHIVE),
    **dict.fromkeys((".xlsx", ".xlsm", ".xls", ".ods"), _SHEET),
    **dict.fromkeys((".pkl", ".pickle", ".pt", ".npy", ".npz", ".joblib"), _PICKLE),
    **dict.fromkeys((".orc", ".avro", ".h5", ".hdf5", ".sqlite", ".db", ".dta", ".sav", ".rds"), _FOREIGN),
}
REMEDY_OF_START = {
    b"PK\x03\x04": "is an archive or a spreadsheet, in spite of its suffix: unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": _SHEET,
    b"%PDF": _FOREIGN,
    b"version https://git-lfs": "is a pointer of Git LFS, not the file: run `git lfs pull` in its folder",
    b"<!DOCTYPE": "is a web page: download the file itself",
    b"<html": "is a web page: download the file itself",
}
MAX_HUB_ID_CHARACTERS = 96
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)
HUB_ADDRESS = re.compile(
    r"https?://huggingface\.co/datasets/([\w.-]+/[\w.-]+)|hf://datasets/([\w.-]+/[\w.-]+)", re.ASCII
)
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
SAVED_SPLIT = re.compile(r"\w[\w.-]*")


class SourceFile(NamedTuple):
    """One local file, or the folder of one saved split; `given` is its path as configured."""

    given: str
    path: Path
    format: Format
    split: Split | None


def is_hub_id(settings: DatasetSettings) -> bool:
    """Whether the source is a hub id: it has the form of one, no suffix of a corpus file, and no such path exists."""
    source = settings.source
    return (
        source is not None
        and len(source) <= MAX_HUB_ID_CHARACTERS
        and HUB_ID.fullmatch(source) is not None
        and settings.format is None
        and Path(source).suffix.lower() not in {*FORMAT_OF_SUFFIX, *COMPRESSED_SUFFIXES, *REMEDY_OF_SUFFIX, ".txt"}
        and not Path(source).exists()
    )


def list_files(settings: DatasetSettings) -> list[SourceFile]:
    """List the local files to read, in the order train, validation, test.

    Raises:
        DatasetError: A file is missing, empty or of unknown format, a folder was not saved by `datasets`, or a key
            does not apply to the source.
    """
    given: dict[Split | None, str] = {None: settings.source} if settings.source is not None else {}
    given |= {split: settings.files[split] for split in SPLITS if settings.files and split in settings.files}
    saved = _saved_splits(settings)
    problems = _misplaced_keys(settings, has_splits=bool(saved))
    problems += [
        Problem(_short(name), fault)
        for split, name in given.items()
        if (fault := _fault(name, settings, may_have_splits=split is None))
    ]
    problems += [
        Problem(f"dataset.splits.{split}", f"{name!r} is no split of {settings.source}; there are {', '.join(saved)}")
        for split, name in (settings.splits or {}).items()
        if saved and name not in saved
    ]
    problems += [
        Problem("dataset.splits", f"gives the split {name!r} two roles")
        for name, n_roles in Counter((settings.splits or {}).values()).items()
        if n_roles > 1
    ]
    if not given:
        problems.append(Problem("dataset.files", "names no file"))
    if problems:
        raise DatasetError("the dataset's files cannot be read:", problems)
    if saved:
        roles: dict[str, Split] = {name: split for split, name in (settings.splits or {}).items()}
        names = sorted(roles, key=lambda name: SPLITS.index(roles[name])) or list(saved)
        return [SourceFile(f"{settings.source}/{name}", saved[name], "saved", roles.get(name)) for name in names]
    return [SourceFile(name, Path(name), _format(name, settings), split) for split, name in given.items()]


def is_saved_split(folder: Path) -> bool:
    """Whether a folder was written by `Dataset.save_to_disk`."""
    return (folder / "state.json").is_file() and (folder / "dataset_info.json").is_file()


def saved_arrow_files(folder: Path) -> list[Path]:
    """List the Arrow files of a folder that was written by `Dataset.save_to_disk`, in order.

    Raises:
        ValueError: Its list of files is damaged, or names a file that is not in the folder.
    """
    state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    try:
        names = [str(entry["filename"]) for entry in state["_data_files"]]
    except (KeyError, TypeError):
        raise ValueError("state.json lists no files") from None
    if missing := [name for name in names if Path(name).name != name or not (folder / name).is_file()]:
        raise ValueError(f"state.json names {missing[0][:80]!r}, which is not in the folder")
    return [folder / name for name in names]


def _saved_splits(settings: DatasetSettings) -> dict[str, Path]:
    """Return the folders of a `DatasetDict` on disk by split; empty if the source is no `DatasetDict`."""
    if settings.source is None or not _is_saved_dict(Path(settings.source)):
        return {}
    folder = Path(settings.source)
    try:
        names = json.loads((folder / "dataset_dict.json").read_text(encoding="utf-8"))["splits"]
        found = {str(name): folder / str(name) for name in names if SAVED_SPLIT.fullmatch(str(name))}
    except (ValueError, KeyError, TypeError, RecursionError):
        found = {}
    if not found or not all(is_saved_split(path) for path in found.values()):
        raise DatasetError(f"{_short(settings.source)} is damaged: dataset_dict.json names splits that are not there.")
    return found


def _is_saved_dict(folder: Path) -> bool:
    try:
        return (folder / "dataset_dict.json").is_file()
    except (OSError, ValueError):
        return False


def _misplaced_keys(settings: DatasetSettings, *, has_splits: bool) -> list[Problem]:
    keys = {"revision": settings.revision, "subset": settings.subset}
    keys |= {} if has_splits else {"splits": None if settings.splits is None else "given"}
    problems = [
        Problem(f"dataset.{key}", "fits a hub dataset only, and the source is a local file: remove the key")
        for key, value in keys.items()
        if value is not None
    ]
    given = [settings.source] if settings.source is not None else list((settings.files or {}).values())
    quotable = has_splits or any(
        name is not None and _format_or_none(name, settings) in {"csv", "tsv"} for name in given
    )
    if settings.quoting != "auto" and not quotable:
        problems.append(Problem("dataset.quoting", "fits CSV and TSV files only: remove the key"))
    return problems


def _fault(name: str, settings: DatasetSettings, *, may_have_splits: bool) -> str:
    """Return why a path cannot be read; empty if it can."""
    if ADDRESS.match(name):
        return _address_fault(name)
    path = Path(name)
    try:
        if path.is_dir():
            return _folder_fault(path, may_have_splits=may_have_splits)
        return _file_fault(path) or _format_fault(path, settings)
    except OSError as fault:
        return f"cannot be read: {fault.strerror}"


def _address_fault(name: str) -> str:
    if name.lower().startswith("file://"):
        return f"is an address: write the path alone, {_short(unquote(urlsplit(name).path))}"
    if hub := HUB_ADDRESS.match(name):
        return f"is an address: write the hub id alone, {hub[1] or hub[2]}, and its commit as `dataset.revision`"
    return "is an address: download the file, and give its path"


def _folder_fault(folder: Path, *, may_have_splits: bool) -> str:
    if is_saved_split(folder) or (may_have_splits and _is_saved_dict(folder)):
        return ""
    if _is_saved_dict(folder):
        return "is a saved `DatasetDict`: name the folder of one split in it, or the whole as `dataset.source`"
    names = sorted(entry.name for entry in folder.iterdir() if _looks_readable(entry))
    such = f", such as {names[0]}" if names else ""
    return f"is a folder: name a file in it{such}, or one for each split as `dataset.files`; join the parts of a split"


def _looks_readable(entry: Path) -> bool:
    return entry.is_file() and entry.name.isprintable() and _plain_suffix(entry) in FORMAT_OF_SUFFIX


def _file_fault(path: Path) -> str:
    if not path.is_file():
        return f"does not exist{_neighbours(path)}"
    if not os.access(path, os.R_OK):
        return "may not be read: change its permissions"
    if path.stat().st_size == 0:
        return "is empty"
    if path.suffix.lower() in REMEDY_OF_SUFFIX:
        return REMEDY_OF_SUFFIX[path.suffix.lower()]
    with path.open("rb") as file:
        start = file.read(32)
    return next((remedy for known, remedy in REMEDY_OF_START.items() if start.startswith(known)), "")


def _format_fault(path: Path, settings: DatasetSettings) -> str:
    if settings.format == "attviz_json" and path.suffix.lower() in COMPRESSED_SUFFIXES:
        return "is compressed: unpack it, and name the unpacked file"
    known = _format_or_none(str(path), settings) is not None
    return "" if known else f"has no known suffix ({', '.join(FORMAT_OF_SUFFIX)}): set `dataset.format`"


def _short(name: str) -> str:
    shown = name if len(name) <= 200 else f"{name[:97]}...{name[-100:]}"
    return shown if shown and shown.isprintable() and shown == shown.strip() else repr(shown)


def _plain_suffix(path: Path) -> str:
    """Return the suffix of the format in lower case, without that of a compression."""
    compressed = path.suffix.lower() in COMPRESSED_SUFFIXES
    return (Path(path.stem) if compressed else path).suffix.lower()


def _format_or_none(given: str, settings: DatasetSettings) -> Format | None:
    return settings.format or FORMAT_OF_SUFFIX.get(_plain_suffix(Path(given)))


def _format(given: str, settings: DatasetSettings) -> Format:
    if Path(given).is_dir():
        return "saved"
    return settings.format or FORMAT_OF_SUFFIX[_plain_suffix(Path(given))]


def _neighbours(path: Path) -> str:
    """List files of the same folder with similar names or known formats, for a message."""
    if path.parts and path.parts[0].startswith("~"):
        return ": ~ is not expanded, write the whole path"
    if not path.parent.is_dir():
        return f": there is no folder {_short(str(path.parent))} (paths are relative to where the workflow runs)"
    # File names are untrusted: names with control characters for the terminal are not shown.
    names = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file() and entry.name.isprintable())
    near = difflib.get_close_matches(path.name, names, n=5)
    near += [name for name in names if _plain_suffix(Path(name)) in FORMAT_OF_SUFFIX and name not in near]
    return f"; in the same folder: {', '.join(_short(name) for name in near[:5])}" if near else ""
