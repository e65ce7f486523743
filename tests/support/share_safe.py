"""Words that a share-safe site may not hold, and a search for them."""

import base64
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

SECRETS = [
    "Quibblefrotz",
    "zürnberg42",
    "mail@wumpus.example",
    "ЖираффПетров",
    "東京秘密",
    "once0nlyxyzzy",
    "co-op-vrtn",
]


KEY = b"0123456789abcdef0123456789abcdef"


PACKED = re.compile(rb'"([A-Za-z0-9+/]{8,}={0,2})"')


def readable(site: Path) -> Iterator[tuple[Path, str]]:
    """Every file, and everything compressed within it, as text; packed numbers spell any short word by chance."""
    for path in sorted(path for path in site.rglob("*") if path.is_file()):
        content = path.read_bytes()
        spelt_out = PACKED.sub(lambda found: b"" if inflated(found[1]) else found[0], content)
        yield path, spelt_out.decode("utf-8", errors="replace")
        yield path, path.name
        for start in [match.start() for match in re.finditer(b"(?:zTXt|iTXt|tEXt)", content)]:
            yield path, zlib.decompressobj().decompress(content[start + 4 :].split(b"\0\0", 1)[-1]).decode("latin-1")
        for packed in PACKED.findall(content):
            yield path, inflated(packed)


def inflated(packed: bytes) -> str:
    try:
        return zlib.decompress(base64.b64decode(packed), -15).decode("utf-8", errors="replace")
    except (ValueError, zlib.error):
        return ""


def leaks(site: Path, secrets: list[str]) -> list[str]:
    parts = {part for secret in secrets for part in re.findall(r"[^\W_]{4,}|[^\x00-\x7f]{2,}", secret)}
    spelt = {form.casefold() for part in parts for form in (part, part.encode("unicode-escape").decode("ascii"))}
    return sorted(
        {f"{path.name}: {word}" for path, text in readable(site) for word in spelt if word in text.casefold()}
    )
