"""Checksums: the one that a file carries within itself, and those that a list gives for other files.

A file's own checksum is the SHA-256 of all its bytes, with 64 zeros in the place where the checksum stands. It covers
what the checksums of Parquet's pages leave out: their headers and the footer.
"""

import hashlib
import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from attviz_pipeline.errors import ArtifactError

KEY = "attviz.checksum"
BLANK = "0" * 64

# A string of 64 bytes under the key in the footer, as Thrift's compact protocol writes it.
_IN_FOOTER = re.compile(re.escape(KEY.encode()) + rb"\x18\x40([0-9a-f]{64})")
_FOOTER_END = 8  # the footer's length in four bytes, and four that every Parquet file ends with
_CHUNK = 1 << 20


def digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_digests(root: Path, names: Iterable[str]) -> dict[str, str]:
    """Return one SHA-256 for each folder, over the names and digests of its files, in hexadecimal digits.

    Args:
        root: Where the files are.
        names: Their paths relative to it, with slashes.
    """
    folders: dict[str, Any] = {}
    for name in sorted(names):
        checksum = folders.setdefault(posixpath.dirname(name) or ".", hashlib.sha256())
        # Read whole: a site has many small files, for which `digest` is slow.
        content = hashlib.sha256((root / name).read_bytes()).hexdigest()
        checksum.update(f"{content} {name}\n".encode())
    return {folder: checksum.hexdigest() for folder, checksum in folders.items()}


def require_unchanged(folder: Path, digests: Mapping[str, str]) -> None:
    """Refuse a folder in which a file is not the one that a list describes.

    Args:
        folder: The files.
        digests: SHA-256 in hexadecimal digits by file name.

    Raises:
        ArtifactError: A file is missing or differs.
    """
    for name, wanted in digests.items():
        if not (folder / name).is_file():
            fault = "is missing"
        elif digest(folder / name) != wanted:
            fault = "is damaged: its checksum is not the one that was noted when it was written"
        else:
            continue
        remedy = f"Delete {folder} and run the workflow again: it will be rebuilt."
        raise ArtifactError(f"{folder / name} {fault}.", remedy=remedy)


@contextmanager
def sealed(path: Path) -> Iterator[None]:
    """Put its checksum into a Parquet file that the block has written with `BLANK` under `KEY` in its metadata."""
    yield
    with path.open("r+b") as file:
        place = _place(file)
        if place is None:
            raise AssertionError(f"{path} has no place for a checksum")
        checksum = _checksum(file, place)
        file.seek(place)
        file.write(checksum)


def is_intact(path: Path) -> bool | None:
    """Whether a Parquet file's bytes match its checksum; None if it has none."""
    with path.open("rb") as file:
        place = _place(file)
        if place is None:
            return None
        file.seek(place)
        found = file.read(len(BLANK))
        return found == _checksum(file, place)


def seal_text(text: str) -> str:
    """Put the checksum of a text in the place of its first `BLANK`."""
    return text.replace(BLANK, hashlib.sha256(text.encode("utf-8")).hexdigest(), 1)


def text_is_intact(text: bytes, checksum: str) -> bool:
    """Whether a text matches the checksum that stands in it."""
    blank = text.replace(checksum.encode("utf-8", "surrogatepass"), BLANK.encode(), 1)
    return hashlib.sha256(blank).hexdigest() == checksum


def _place(file: BinaryIO) -> int | None:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _FOOTER_END))
    length = int.from_bytes(file.read(4), "little")
    start = file.seek(max(0, size - _FOOTER_END - length))
    found = [match.start(1) for match in _IN_FOOTER.finditer(file.read())]
    return start + found[-1] if found else None


def _checksum(file: BinaryIO, place: int) -> bytes:
    file.seek(0)
    checksum = hashlib.sha256()
    left = place
    while left:
        chunk = file.read(min(left, _CHUNK))
        checksum.update(chunk)
        left -= len(chunk)
    checksum.update(BLANK.encode())
    file.seek(place + len(BLANK))
    while chunk := file.read(_CHUNK):
        checksum.update(chunk)
    return checksum.hexdigest().encode()
