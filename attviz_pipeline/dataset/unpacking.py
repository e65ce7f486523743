"""Convert compressed files, JSON arrays and Arrow files to text for the strict readers, or to Parquet."""

import bz2
import errno
import gzip
import hashlib
import json
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from attviz_pipeline.artifacts.checksums import digest
from attviz_pipeline.artifacts.files import require_space
from attviz_pipeline.dataset.json_array import iter_array
from attviz_pipeline.dataset.sources import SourceFile, saved_arrow_files
from attviz_pipeline.errors import DatasetError

BYTES_AT_ONCE = 1 << 24
PURPOSE = "a temporary copy of the dataset"


def _open_zstd(path: Path) -> pa.CompressedInputStream:
    return pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")


OPENERS: Mapping[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.GzipFile,
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    b"\x28\xb5\x2f\xfd": _open_zstd,
}


def unpack(file: SourceFile, folder: Path) -> SourceFile:
    """Return a directly readable file with the same rows: the file itself, or a converted copy in `folder`.

    Args:
        file: A local file, or the folder of a saved split.
        folder: A temporary folder, which is made if needed.

    Raises:
        DatasetError: The file is damaged.
        ResourceError: The disk is too small for the copy.
    """
    if file.format == "saved":
        return _to_parquet(file, _arrow_files(file), folder)
    file = _decompress(file, folder)
    if file.format == "arrow":
        return _to_parquet(file, [file.path], folder)
    return _to_json_lines(file, folder) if _is_json_array(file) else _without_json(file)


def digest_of(file: SourceFile) -> str:
    """Return the SHA-256 of the original file; for a saved split, that of the names and digests of its files."""
    if file.format != "saved":
        return digest(file.path)
    lines = (f"{digest(path)} {path.name}\n" for path in _arrow_files(file))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _arrow_files(file: SourceFile) -> list[Path]:
    try:
        return saved_arrow_files(file.path)
    except (ValueError, OSError, RecursionError) as fault:
        raise DatasetError(f"{file.given} is damaged: {fault}.") from None


def _decompress(file: SourceFile, folder: Path) -> SourceFile:
    with file.path.open("rb") as content:
        start = content.read(8)
    opener = next((opener for magic, opener in OPENERS.items() if start.startswith(magic)), None)
    if opener is None:
        return file
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "unpacked"
    try:
        with opener(file.path) as source, target.open("wb") as copy:
            while chunk := source.read(BYTES_AT_ONCE):
                require_space(target, 4 * len(chunk), PURPOSE)
                copy.write(chunk)
    except (EOFError, OSError, lzma.LZMAError, zlib.error, pa.ArrowException) as fault:
        if isinstance(fault, OSError) and fault.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise DatasetError(f"{file.given} is damaged, its end is missing or it cannot be unpacked: {fault}.") from None
    if not target.stat().st_size:
        raise DatasetError(f"{file.given} is empty.")
    return file._replace(path=target)


def _is_json_array(file: SourceFile) -> bool:
    if file.format != "json":
        return False
    with file.path.open(encoding="utf-8-sig", errors="replace") as text:
        while blanks := text.read(1):
            if not blanks.isspace():
                return blanks == "["
    return False


def _without_json(file: SourceFile) -> SourceFile:
    """Treat a `.json` file that is not an array as JSON lines."""
    return file._replace(format="jsonl") if file.format == "json" else file


def _to_json_lines(file: SourceFile, folder: Path) -> SourceFile:
    require_space(folder, 2 * file.path.stat().st_size, PURPOSE)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "rows.jsonl"
    with target.open("w", encoding="utf-8") as lines:
        for number, element in enumerate(iter_array(file.path, file.given), 1):
            lines.write(_line(element, f"{file.given} row {number}"))
    return file._replace(path=target, format="jsonl")


def _line(element: Any, where: str) -> str:  # noqa: ANN401 - any JSON
    if not isinstance(element, dict):
        raise DatasetError(f'{where} must be an object {{"column": value, ...}}, got a {type(element).__name__}.')
    return f"{json.dumps(element)}\n"


def _to_parquet(file: SourceFile, paths: Sequence[Path], folder: Path) -> SourceFile:
    """Copy Arrow files of one schema into one Parquet file, batch by batch."""
    require_space(folder, 2 * sum(path.stat().st_size for path in paths), PURPOSE)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "rows.parquet"
    writer = None
    try:
        for batch in _batches(paths):
            writer = writer or pq.ParquetWriter(target, batch.schema)
            writer.write_batch(batch)
    except (pa.ArrowException, OSError, ValueError) as fault:
        reason = next(iter(str(fault).splitlines()), type(fault).__name__)
        raise DatasetError(f"{file.given} is damaged, or no Arrow file: {reason}") from None
    finally:
        if writer is not None:
            writer.close()
    if writer is None:
        raise DatasetError(f"{file.given} has no rows.")
    return file._replace(path=target, format="parquet")


def _batches(paths: Sequence[Path]) -> Iterator[pa.RecordBatch]:
    for path in paths:
        with pa.memory_map(str(path)) as source:
            if source.read_buffer(6).to_pybytes() == b"ARROW1":
                table = pa.ipc.open_file(source)
                yield from (table.get_batch(index) for index in range(table.num_record_batches))
            else:
                source.seek(0)
                yield from pa.ipc.open_stream(source)
