"""Plain files of what is compressed or a JSON array: text for the strict readers."""

import bz2
import gzip
import json
import lzma
import shutil
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attviz_pipeline.dataset.sources import SourceFile
from attviz_pipeline.errors import DatasetError

OPENERS: Mapping[str, Callable[[Path], Any]] = {".gz": gzip.GzipFile, ".bz2": bz2.BZ2File, ".xz": lzma.LZMAFile}


def unpack(file: SourceFile, folder: Path) -> SourceFile:
    """Return a file of the same rows that can be read as it is: itself, or one written to `folder`.

    Args:
        file: A local file.
        folder: A temporary folder, to be made where it is needed.

    Raises:
        DatasetError: It is damaged.
    """
    opener = OPENERS.get(file.path.suffix.lower())
    plain = _decompress(file, folder, opener) if opener else file
    return _to_json_lines(plain, folder) if plain.format == "json" else plain


def _decompress(file: SourceFile, folder: Path, opener: Callable[[Path], Any]) -> SourceFile:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "unpacked"
    try:
        with opener(file.path) as packed, target.open("wb") as plain:
            shutil.copyfileobj(packed, plain)
    except (gzip.BadGzipFile, lzma.LZMAError, zlib.error, EOFError, ValueError) as fault:
        raise DatasetError(f"{file.given} is damaged, its end is missing or it cannot be unpacked: {fault}") from None
    return file._replace(path=target)


def _to_json_lines(file: SourceFile, folder: Path) -> SourceFile:
    """Write the objects of a JSON array line by line; a file that is no array is JSON lines already."""
    try:
        content = json.loads(file.path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):
        return file._replace(format="jsonl")
    if not isinstance(content, list):
        return file._replace(format="jsonl")
    for number, row in enumerate(content, 1):
        if not isinstance(row, dict):
            what = f'must be an object {{"column": value, ...}}, got a {type(row).__name__}'
            raise DatasetError(f"{file.given} row {number} {what}.")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "rows.jsonl"
    target.write_text("".join(json.dumps(row) + "\n" for row in content), encoding="utf-8")
    return file._replace(path=target, format="jsonl")
