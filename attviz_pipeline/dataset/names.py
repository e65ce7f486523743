"""Names of columns, classes and ids: find similar names, and quote names in messages as valid YAML."""

import re
import unicodedata
from collections.abc import Callable, Iterable

WHOLE_NUMBER = re.compile(r"(-?\d+)\.0+")
INVISIBLE = {"Cf", "Cc", "Zs", "Zl", "Zp"}


def bare(name: str) -> str:
    """Return a name in composed Unicode form, without surrounding blanks and invisible characters."""
    composed = unicodedata.normalize("NFC", name)
    seen = [place for place, character in enumerate(composed) if unicodedata.category(character) not in INVISIBLE]
    return composed[seen[0] : seen[-1] + 1] if seen else ""


def look(name: str) -> str:
    """Return a normal form that is equal for names which a reader can hardly distinguish."""
    seen = "".join(c for c in unicodedata.normalize("NFKC", name) if unicodedata.category(c) not in {"Cf", "Cc"})
    whole = WHOLE_NUMBER.fullmatch(seen.strip())
    return whole[1] if whole else " ".join(seen.casefold().split())


def alike(names: Iterable[str], key: Callable[[str], str] = look) -> list[list[str]]:
    """Group different names with the same key, in the order of the first name of each group."""
    first: dict[str, str] = {}
    groups: dict[str, dict[str, None]] = {}
    for name in names:
        earlier = first.setdefault(key(name), name)
        if earlier != name:
            groups.setdefault(earlier, {earlier: None})[name] = None
    return [list(group) for group in groups.values()]


def quoted(name: str) -> str:
    """Quote a name so that YAML reads it unchanged; invisible characters are escaped."""
    plain = name.isprintable() and "'" not in name and unicodedata.is_normalized("NFC", name)
    return f"'{name}'" if plain else f'"{"".join(map(_escaped, name))}"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable() and not unicodedata.combining(character):
        return character
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"
