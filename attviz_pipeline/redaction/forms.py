"""What stands for a vocabulary entry: its shape, or a keyed tag."""

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
TAG_BYTES = 5  # 8 characters of base32: among 30,000 entries two share a tag once in 2,000 keys
NEW_KEY = """python -c "import secrets; print(secrets.token_hex(32))" > FILE"""
# Signs of shown tokens, and marks that imported ones have from their tokenizers: they say nothing of the word.
BEFORE = re.compile(rf"{GOES_ON}(?=.)|[{SPACE}\u0120\u2581]+", re.DOTALL)
BEHIND = re.compile(rf"(?<=.){GOES_ON}$", re.DOTALL)
# Symbols that spell words (regional indicators, squared letters, Braille), beside those that normalise to letters.
SPELLING = re.compile(r"\b(?:LETTER|BRAILLE|RADICAL)\b")

Form = Callable[[str], str]


def choose_form(settings: RedactionSettings) -> Form:
    """Return the function from a vocabulary entry, or a piece of text, to what stands for it.

    Raises:
        ConfigError: The key cannot be read or is too short.
    """
    if settings.key_file is None:
        return lambda entry: _marked(entry, shape)
    key = _read_key(Path(settings.key_file))
    return lambda entry: _marked(entry, lambda piece: tag(piece, key))


def shape(piece: str) -> str:
    """Return the shape of a text, character by character: X for a capital, x for another letter, 0 for a number.

    Bytes that are no text by themselves are an x each. An imported piece that can be bytes is read as the text that
    they are; where they are none, each character beyond ASCII is x: it may be a part of any letter.
    """
    piece = SHOWN_BYTES.sub(lambda found: "x" * len(found[1].split()), piece)
    text = _text_of_bytes(piece) if BYTE_OF.keys() >= set(piece) else piece
    if text is None:
        return "".join(_character_shape(character) if character.isascii() else "x" for character in piece)
    return "".join(_character_shape(character) for character in text)


def tag(piece: str, key: bytes) -> str:
    """Return the first 40 bits of HMAC-SHA-256 in base32; a text without a letter or number is returned as its shape.

    Source: RFC 2104 (HMAC), RFC 4648 (base32).
    """
    shown = shape(piece)
    if not set("Xx0").intersection(shown):
        return shown
    digest = hmac.new(key, piece.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
    return base64.b32encode(digest[:TAG_BYTES]).decode("ascii").lower()


def unmarked(entry: str) -> str:
    """Return a token without its signs or the marks of its tokenizer: what it stands for in a text."""
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
    # Format and private-use characters can carry a text that nobody sees.
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
            f"redaction.key_file {path} holds {len(key)} bytes; a key has {MIN_KEY_BYTES} or more.",
            remedy=f"Make a key: {NEW_KEY}",
        )
    return key
