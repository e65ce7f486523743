"""Reading and writing of the pipeline's files: atomic, versioned, refused when damaged."""

import glob
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from attviz_pipeline.artifacts import checksums
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.errors import ArtifactError, ResourceError

SCHEMA_KEY = b"attviz.schema"
FACTS_KEY = b"attviz.facts"
PARTIAL = ".partial"
CHANGED = "its bytes do not match its checksum"
UNSEALED = "it has no checksum"
SYNCS_AT_ONCE = 16
"""Of 1,000 files of 8 kB, one after the other took 2 to 6 s, 16 at once 0.3 to 2 s."""
REBUILD = "Delete it and run the workflow again: it will be rebuilt."


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it into place only when the block succeeds.

    A reader never sees half a file; a killed job or a power failure leaves the old file (or none) behind.
    """
    _clear_place(path)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=PARTIAL, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        _sync(temporary)
        temporary.replace(path)
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Yield a temporary directory; put it in the place of `path` only when the block succeeds.

    A killed job or a power failure leaves the old directory, the new one with all its files, or none.
    """
    _clear_place(path)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=PARTIAL, dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        _sync_tree(temporary)
        if path.is_symlink():  # what it leads to is not this folder's
            path.unlink()
        elif path.exists():
            shutil.rmtree(path)
        temporary.replace(path)
        _sync_folder(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def scratch_directory(path: Path) -> Iterator[Path]:
    """Yield a temporary directory for what is needed only meanwhile; what a killed job left in its place goes first.

    Args:
        path: Its place and the beginning of its name; nothing of that name is made.
    """
    _clear_place(path)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", suffix=PARTIAL, dir=path.parent) as temporary:
        yield Path(temporary)


def _clear_place(path: Path) -> None:
    """Make the parent folder, and remove what a killed job left of an earlier attempt."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for stale in path.parent.glob(f".{glob.escape(path.name)}.*{PARTIAL}"):
        if stale.is_dir():
            shutil.rmtree(stale, ignore_errors=True)
        else:
            stale.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, in UTF-8 with Unix line ends."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, schema: Schema, content: Mapping[str, Any]) -> None:
    """Write a JSON artifact atomically; its first keys are schema and version, and its checksum."""
    document = {"schema": schema.identifier, "checksum": checksums.BLANK, **content}
    text = json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    write_text(path, checksums.seal_text(text))


def read_json(path: Path, schema: Schema) -> dict[str, Any]:
    """Read a JSON artifact.

    Raises:
        ArtifactError: It is missing, truncated, or of another schema or version.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise _missing(path, schema) from None
    return parse_json(content, path, schema)


def parse_json(text: bytes, path: Path, schema: Schema) -> dict[str, Any]:
    """Read a JSON artifact that is in memory already; `path` says where it comes from.

    Raises:
        ArtifactError: It is damaged, or of another schema or version.
    """
    try:
        content = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as fault:
        raise _damaged(path, str(fault)) from None
    content = content if isinstance(content, dict) else {}
    checksum = content.pop("checksum", None)
    if isinstance(checksum, str) and not checksums.text_is_intact(text, checksum):
        raise _damaged(path, CHANGED)
    _check_identifier(path, schema, content.pop("schema", None))
    if not isinstance(checksum, str):
        raise _damaged(path, UNSEALED)
    return content


class TableWriter:
    """Append row batches to a Parquet file that appears under its name only when all are written."""

    def __init__(self, path: Path, schema: Schema, facts: Mapping[str, Any] | None = None) -> None:
        self._path, self._schema = path, schema
        self._arrow_schema = schema.arrow.with_metadata(
            {SCHEMA_KEY: schema.identifier.encode(), FACTS_KEY: json.dumps(facts or {}, sort_keys=True).encode()}
        )
        self._split_columns = [field.name for field in schema.arrow if _splits_well(_leaf_type(field.type))]

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            temporary = stack.enter_context(atomic_path(self._path))
            stack.enter_context(checksums.sealed(temporary))
            self._writer = stack.enter_context(
                pq.ParquetWriter(
                    temporary,
                    self._arrow_schema,
                    compression="zstd",
                    compression_level=3,
                    use_dictionary=[f.name for f in self._arrow_schema if f.name not in self._split_columns],
                    use_byte_stream_split=self._leaf_paths(),
                    write_page_checksum=True,
                )
            )
            self._writer.add_key_value_metadata({checksums.KEY: checksums.BLANK})
            self._opened = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closing writes the footer; where that fails, the file must not get its name.
        self._opened.__exit__(kind, fault, trace)

    def write(self, columns: Mapping[str, Any]) -> None:
        """Append one row group, given as columns of the schema."""
        self.write_table(self._schema.table(columns))

    def write_table(self, table: pa.Table) -> None:
        """Append one row group."""
        self._writer.write_table(table.cast(self._arrow_schema))

    def _leaf_paths(self) -> list[str]:
        # Byte-stream split stores the bytes of a number by significance, which is what makes floats compress.
        names = []
        for field in self._arrow_schema:
            if field.name in self._split_columns:
                nested = pa.types.is_list(field.type) or pa.types.is_large_list(field.type)
                names.append(f"{field.name}.list.element" if nested else field.name)
        return names


def write_table(path: Path, schema: Schema, columns: Mapping[str, Any], facts: Mapping[str, Any] | None = None) -> None:
    """Write a whole table as one Parquet file, atomically.

    Args:
        path: Target file.
        schema: One of `all_schemas`.
        columns: Values by column name.
        facts: JSON-able properties of the whole table (number of layers, ...), kept in the file's metadata.
    """
    with TableWriter(path, schema, facts) as writer:
        writer.write(columns)


def read_table(path: Path, schema: Schema, columns: list[str] | None = None) -> pa.Table:
    """Read a Parquet artifact, or some of its columns.

    Raises:
        ArtifactError: It is missing, truncated, damaged, or of another schema or version.
    """
    with _open(path, schema) as file, _damage_reported(path):
        return file.read(columns=columns)


def iter_tables(path: Path, schema: Schema, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """Read a Parquet artifact one row group at a time, in order, in bounded memory.

    Raises:
        ArtifactError: As `read_table`.
    """
    with _open(path, schema) as file:
        for index in range(file.num_row_groups):
            with _damage_reported(path):
                table = file.read_row_group(index, columns=columns)
            yield table


def read_facts(path: Path, schema: Schema) -> dict[str, Any]:
    """Read the properties of a whole Parquet artifact (`facts` of `write_table`).

    Raises:
        ArtifactError: As `read_table`.
    """
    with _open(path, schema) as file:
        return dict(json.loads(file.schema_arrow.metadata[FACTS_KEY]))


def count_rows(path: Path, schema: Schema) -> int:
    """Count the rows of a Parquet artifact without reading them.

    Raises:
        ArtifactError: As `read_table`.
    """
    with _open(path, schema) as file:
        return int(file.metadata.num_rows)


def require_space(path: Path, n_bytes: int, purpose: str) -> None:
    """Refuse to start what the disk cannot hold.

    Raises:
        ResourceError: Less than `n_bytes` are free where `path` will lie.
    """
    place = next(parent for parent in [path, *path.absolute().parents] if parent.exists())
    free = shutil.disk_usage(place).free
    if free < n_bytes:
        raise ResourceError(
            f"too little disk for {purpose}: {path} needs about {_megabytes(n_bytes)}, {_megabytes(free)} are free.",
            remedy="Free some space, analyse fewer documents (documents.max_documents) or move the results elsewhere.",
        )


@contextmanager
def _open(path: Path, schema: Schema) -> Iterator[pq.ParquetFile]:
    if not path.is_file():
        raise _missing(path, schema)
    intact = checksums.is_intact(path)
    if intact is False:  # checked before a library reads it
        raise _damaged(path, CHANGED)
    with _damage_reported(path):
        file = pq.ParquetFile(path, page_checksum_verification=True)
    with file:
        metadata = file.schema_arrow.metadata or {}
        found = metadata.get(SCHEMA_KEY)
        _check_identifier(path, schema, None if found is None else found.decode(errors="replace"))
        if intact is None:
            raise _damaged(path, UNSEALED)
        yield file


@contextmanager
def _damage_reported(path: Path) -> Iterator[None]:
    try:
        yield
    except (ValueError, NotImplementedError, OSError) as fault:
        raise _damaged(path, str(fault).splitlines()[0].rstrip(".")) from None


def _damaged(path: Path, what: str) -> ArtifactError:
    return ArtifactError(f"{path} is damaged or truncated: {what}.", remedy=REBUILD)


def _check_identifier(path: Path, schema: Schema, found: object) -> None:
    if found == schema.identifier:
        return
    if isinstance(found, str) and found.rpartition("/")[0] == schema.identifier.rpartition("/")[0]:
        raise ArtifactError(f"{path} is {found}; this version reads {schema.identifier}.", remedy=REBUILD)
    what = f"is {found}" if found is not None else "names no schema"
    raise ArtifactError(
        f"{path} {what}, where {schema.identifier} is wanted: give the file that stage `{schema.stage}` writes."
    )


def _missing(path: Path, schema: Schema) -> ArtifactError:
    return ArtifactError(f"{path} does not exist; stage `{schema.stage}` writes it ({schema.identifier}).")


def _leaf_type(arrow_type: pa.DataType) -> pa.DataType:
    nested = pa.types.is_list(arrow_type) or pa.types.is_large_list(arrow_type)
    return arrow_type.value_type if nested else arrow_type


def _splits_well(arrow_type: pa.DataType) -> bool:
    # Small unsigned integers are codes of measured values; Parquet widens them to four bytes, of which most are zero.
    return pa.types.is_floating(arrow_type) or arrow_type in (pa.uint8(), pa.uint16())


def _megabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.0f} MB"


def _sync_tree(folder: Path) -> None:
    """Put a folder on disk with all that is in it: files first, then the folders that name them."""
    files: list[Path] = []
    folders = [folder]
    for path in folder.rglob("*"):
        if not path.is_symlink():
            (folders if path.is_dir() else files).append(path)
    # Side by side, because the disk then writes many at once.
    with ThreadPoolExecutor(SYNCS_AT_ONCE) as pool:
        for paths, sync in ((files, _sync), (folders, _sync_folder)):
            for _ in pool.map(sync, paths):  # asking for the results raises what went wrong
                pass


def _sync_folder(path: Path) -> None:
    with suppress(OSError):  # some file systems cannot sync a folder
        _sync(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    # The mask can only be read by setting it; mkstemp ignores it and would leave files private to their owner.
    mask = os.umask(0)
    os.umask(mask)
    return mask


def concatenate(paths: Iterable[Path], schema: Schema, columns: list[str] | None = None) -> pa.Table:
    """Read the same columns of several shards as one table, in the order of `paths`.

    Raises:
        ArtifactError: As `read_table`.
    """
    return pa.concat_tables([read_table(path, schema, columns) for path in paths])
