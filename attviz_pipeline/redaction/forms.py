"""Replacements of vocabulary entries: their shapes, or keyed tags."""

import base64
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

from attviz_pipeline.config.settings import RedactionSettings
from attviz_pipeline.errors import ConfigError
from attviz_pipeline.token_texts import BYTE_OF, GOES_ON, SHOWN_BYTES, SPACE, UNKNOWN

RARE = "[rare]"
MIN_KEY_BYTES = 16
TAG_BYTES = 5  # 8 characters of base32; with one key in 2,000, two of 30,000 entries have the same tag
NEW_KEY = """python -c "import secrets; print(secrets.token_hex(32))" > FILE"""
# Signs of shown tokens, and marks of tokenizers in imported tokens: they reveal nothing about the word.
BEFORE = re.compile(rf"{GOES_ON}(?=.)|[{SPACE}\u0120\u2581]+", re.DOTALL)
BEHIND = re.compile(rf"(?<=.){GOES_ON}$", re.DOTALL)
# Symbols that can spell words (regional indicators, squared letters, Braille) and do not normalise to letters.
SPELLING = re.compile(r"\b(?:LETTER|BRAILLE|RADICAL)\b")

Form = Callable[[str], str]


def choose_form(settings: RedactionSettings) -> Form:
    """Return the function that maps a vocabulary entry, or a piece of text, to its replacement.

    Raises:
        ConfigError: The key cannot be read or is too short.
    """
    if settings.key_file is None:
        return lambda entry: _marked(entry, shape)
    key = _read_key(Path(settings.key_file))
    return lambda entry: _marked(entry, lambda piece: tag(piece, key))


def shape(piece: str) -> str:
    """Return the shape of a text, character by character: X for a capital, x for another letter, 0 for a number.

    Each byte that is not text by itself becomes x. An imported piece that can be read as bytes is decoded; if the bytes
    are not valid text, each non-ASCII character becomes x, because it may be a part of any letter.
    """
    piece = SHOWN_BYTES.sub(lambda found: "x" * len(found[1].split()), piece)
    text = _text_of_bytes(piece) if BYTE_OF.keys() >= set(piece) else piece
    if text is None:
        return "".join(_character_shape(character) if character.isascii() else "x" for character in piece)
    return "".join(_character_shape(character) for character in text)


def tag(piece: str, key: bytes) -> str:
    """Return the first 40 bits of HMAC-SHA-256 in base32; for a text without letters and numbers, its shape.

    Source: RFC 2104 (HMAC), RFC 4648 (base32).
    """
    shown = shape(piece)
    if not set("Xx0").intersection(shown):
        return shown
    digest = hmac.new(key, piece.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
    return base64.b32encode(digest[:TAG_BYTES]).decode("ascii").lower()


def unmarked(entry: str) -> str:
    """Return the text of a token, without its signs and the marks of its tokenizer."""
    return _parted(entry)[1]


def _marked(entry: str, form: Form) -> str:
    if entry in UNKNOWN:
        return entry
    before, core, behind = _parted(entry)
    return before + form(core) + behind


def _parted(entry: str) -> tuple[str, str, str]:
    before = mark.end() if (mark := BEFORE.match(entry)) else 0
    behind = mark.start() if (mark := BEHIND.search(entry, before)) else len(entry)
    return entry[:before], entry[before:behind], entry[behind:]


def _text_of_bytes(piece: str) -> str | None:
    try:
        text = bytes(BYTE_OF[character] for character in piece).decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None


def _character_shape(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] == "S":
        return "x" if _spells(character) else character
    if category in {"Lu", "Lt"}:
        return "X"
    if category[0] in "LM":
        return "x"
    if category[0] == "N":
        return "0"
    # Format and private-use characters can encode invisible text.
    return "\ufffd" if category[0] == "C" and not character.isspace() else character


def _spells(symbol: str) -> bool:
    letters = any(unicodedata.category(part)[0] in "LN" for part in unicodedata.normalize("NFKC", symbol))
    return letters or SPELLING.search(unicodedata.name(symbol, "")) is not None


def _read_key(path: Path) -> bytes:
    try:
        key = path.read_bytes().strip()
    except OSError as fault:
        reason = fault.strerror or "unreadable"
        raise ConfigError(
            f"redaction.key_file {path} cannot be read: {reason}.", remedy=f"Make a key: {NEW_KEY}"
        ) from None
    if len(key) < MIN_KEY_BYTES:
        raise ConfigError(
            f"redaction.key_file {path} has {len(key)} bytes; a key needs at least {MIN_KEY_BYTES}.",
            remedy=f"Make a key: {NEW_KEY}",
        )
    return key
