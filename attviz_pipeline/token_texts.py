"""Vocabulary entries as readable text: the only place that decodes the marks and bytes of tokenizers.

Tokenizers write entries in their own notations: `ĠcafÃ©` (bytes), `▁café` (SentencePiece), `caf@@`, `café</w>`. A
shown token is text with two signs: `␣` for a space, and `##` on the side where the word continues. Anything that is not
text by itself, such as two of the four bytes of an emoji, is shown as hexadecimal bytes: `‹F0 9F›`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Self

SPACE = "␣"
GOES_ON = "##"
SHOWN_BYTES = re.compile(r"‹([0-9A-F]{2}(?: [0-9A-F]{2})*)›")
UNKNOWN = frozenset({"[UNK]", "<unk>"})
"""Usual names of the unknown token, for files without a tokenizer."""

# Byte-level BPE writes a byte as its Latin-1 character if this prints, else as a character from U+0100 on.
_PRINTING = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
BYTE_OF = {chr(byte): byte for byte in _PRINTING} | {
    chr(0x100 + number): byte for number, byte in enumerate(sorted(set(range(0x100)) - set(_PRINTING)))
}
_LATIN_1 = {chr(byte): byte for byte in range(0x100)}
_BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_JOINERS = "\u200c\u200d\ufe0e\ufe0f"  # invisible, but parts of Persian words and of emoji
_TAKEN = re.compile(f"[{SPACE}{_JOINERS}]")


@dataclass(frozen=True)
class Spelling:
    """How a tokenizer writes text in its vocabulary; a mark that it does not use is empty.

    Attributes:
        byte_of: The byte that each character stands for; empty if characters stand for themselves.
        byte_pieces: Whether entries such as `<0xE2>` are bytes.
        space: Mark of a space.
        continues: Mark before a piece that continues a word.
        goes_on: Mark after a piece whose word continues.
        ends: Mark after the last piece of a word; the word of a piece without it continues.
        gap: Text between two entries without marks.
    """

    byte_of: Mapping[str, int]
    byte_pieces: bool
    space: str
    continues: str
    goes_on: str
    ends: str
    gap: str = " "

    @classmethod
    def of(cls, tokenizer: Any) -> Self:  # noqa: ANN401 - this module is free of transformers
        """Derive a tokenizer's spelling from its own decoder, and from its model for marks that the decoder keeps."""
        backend = getattr(tokenizer, "backend_tokenizer", None)
        model = getattr(backend, "model", None)
        cutter = str(getattr(backend, "pre_tokenizer", "")) if getattr(backend, "decoder", None) is None else ""

        def mark(marked: str, other: str, decoded: str, found: str) -> str:
            return found if _decode(tokenizer, [marked, other]) == decoded else ""

        by_bytes = mark("x", "Ġx", "x x", "Ġ") or "ByteLevel(" in cutter
        latin_1 = not by_bytes and _decode(tokenizer, ["Ã", "©"]) == "é"
        ends = getattr(model, "end_of_word_suffix", None) or mark("x</w>", "x</w>", "x x", "</w>")
        return cls(
            byte_of=BYTE_OF if by_bytes else _LATIN_1 if latin_1 else {},
            byte_pieces=bool(mark("<0x78>", "<0x78>", "xx", "<0x")),
            space=mark("▁x", "▁x", "x x", "▁") or ("▁" if "Metaspace(" in cutter else ""),
            continues=getattr(model, "continuing_subword_prefix", None) or mark("x", "##x", "xx", "##"),
            goes_on=mark("x@@", "x", "xx", "@@"),
            ends=ends,
            gap="" if not ends and _decode(tokenizer, ["x", "x"]) == "xx" else " ",
        )

    def text(self, entry: str) -> str:
        """Return an entry as it is shown."""
        if self.byte_pieces and (byte := _BYTE_PIECE.fullmatch(entry)):
            return _shown_bytes(bytes.fromhex(byte[1]))
        before, core, behind = self._parted(entry)
        if self.byte_of and self.byte_of.keys() >= set(core):
            core = bytes(self.byte_of[character] for character in core).decode("utf-8", "surrogateescape")
        elif self.space:
            core = core.replace(self.space, " ")
        return before + readable(core) + behind

    def join(self, surfaces: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
        """Return the text of consecutive entries, and the characters of each as (start, end), [entry]."""
        text, goes_on = "", True
        spans: list[tuple[int, int]] = []
        for shown in map(self.text, surfaces):
            body = _without_goes_on(shown).replace(SPACE, " ")
            core = body.lstrip(" ") or body
            joined = goes_on or shown.startswith((SPACE, GOES_ON))
            text += body.removesuffix(core) if joined and text else self.gap if text else ""
            spans.append((len(text), len(text) + len(core)))
            text, goes_on = text + core, shown != GOES_ON and shown.endswith(GOES_ON)
        return text, spans

    def _parted(self, entry: str) -> tuple[str, str, str]:
        before = behind = ""
        if self.continues and entry != self.continues and entry.startswith(self.continues):
            before, entry = GOES_ON, entry.removeprefix(self.continues)
        if self.goes_on and entry != self.goes_on and entry.endswith(self.goes_on):
            behind, entry = GOES_ON, entry.removesuffix(self.goes_on)
        if self.ends and entry != self.ends:
            behind = behind if entry.endswith(self.ends) else GOES_ON
            entry = entry.removesuffix(self.ends)
        return before, entry, behind


def token_texts(tokenizer: Any) -> dict[int, str]:  # noqa: ANN401 - as above
    """Return the text of every vocabulary entry by its index; all texts differ.

    Args:
        tokenizer: A tokenizer of transformers, fast or slow.
    """
    spelling, whole = Spelling.of(tokenizer), _spelled_out(tokenizer)
    indices = sorted(set(tokenizer.get_vocab().values()))
    texts: dict[int, str] = {}
    taken: set[str] = set()
    for index, entry in zip(indices, tokenizer.convert_ids_to_tokens(indices), strict=True):
        text = readable(entry) if index in whole else spelling.text(entry)
        # Two entries can have the same text, for example an added token and the same word in bytes.
        texts[index] = f"{text} (entry {index})" if text in taken else text
        taken.add(text)
    return texts


def readable(text: str) -> str:
    """Return a text with spaces as `␣` and non-printing characters and surrogate-escaped bytes in hexadecimal."""
    if text.isprintable() and not _TAKEN.search(text):
        return text.replace(" ", SPACE)
    joins = any(character.isprintable() and character not in f"{_JOINERS} " for character in text)
    runs = groupby(text, key=lambda character: _prints(character) or (joins and character in _JOINERS))
    return "".join(_plain(run) if prints else _shown_bytes(b"".join(_bytes(run))) for prints, run in runs)


def unmarked(token: str) -> str:
    """Return the text of a shown token without its signs."""
    return _without_goes_on(token).lstrip(SPACE) or token


def _without_goes_on(token: str) -> str:
    return token.removeprefix(GOES_ON).removesuffix(GOES_ON) or token


def _spelled_out(tokenizer: Any) -> set[int]:  # noqa: ANN401 - as above
    """Return indices of entries that are text already: special tokens, and tokens added to the vocabulary."""
    return set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)


def _decode(tokenizer: Any, tokens: Sequence[str]) -> str | None:  # noqa: ANN401 - as above
    try:
        return str(tokenizer.convert_tokens_to_string(list(tokens))).strip()
    except Exception:  # noqa: BLE001 - a decoder may reject tokens outside its vocabulary
        return None


def _prints(character: str) -> bool:
    return character.isprintable() and character not in f"{SPACE}{_JOINERS}"


def _plain(run: Iterator[str]) -> str:
    return "".join(run).replace(" ", SPACE)


def _bytes(run: Iterator[str]) -> Iterator[bytes]:
    for character in run:
        escaped = "\udc80" <= character <= "\udcff"
        yield bytes([ord(character) - 0xDC00]) if escaped else character.encode("utf-8", "surrogatepass")


def _shown_bytes(data: bytes) -> str:
    return f"‹{data.hex(' ').upper()}›"
