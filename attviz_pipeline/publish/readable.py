"""The text of a published file: its whole content, or the text in a picture or table."""

import struct
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

PNG_HEADER = 8
PNG_TEXTS = frozenset({b"tEXt", b"iTXt"})


def readable(path: Path) -> str:
    """Return the text of a file, without binary numbers, whose bytes can spell any short name by chance.

    A damaged picture or table has no text; its digest reveals the damage.
    """
    content = path.read_bytes()
    if path.suffix == ".png":
        return "\n".join(_png_texts(content))
    if path.suffix == ".parquet":
        return "\n".join(_parquet_texts(content))
    return content.decode("utf-8", errors="replace")


def _png_texts(content: bytes) -> Iterator[str]:
    place = PNG_HEADER
    while place + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        if kind in PNG_TEXTS:
            yield content[place + 8 : place + 8 + length].decode("utf-8", errors="replace")
        place += 12 + length  # length, kind, data, checksum


def _parquet_texts(content: bytes) -> Iterator[str]:
    try:
        table = pq.read_table(BytesIO(content))
    except (ValueError, NotImplementedError, OSError):
        return
    for key, value in (table.schema.metadata or {}).items():
        yield f"{key.decode(errors='replace')}\n{value.decode(errors='replace')}"
    for field, column in zip(table.schema, table.columns, strict=True):
        yield field.name
        values = column.combine_chunks()
        while pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
            values = values.flatten()
        if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
            yield from values.unique().drop_null().to_pylist()
