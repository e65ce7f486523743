"""Input rows, and checks of single cells."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, NamedTuple, Self

LeftOut = Literal["empty", "duplicate", "unreadable_text", "unreadable_label", "unreadable_attention"]
CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
CONTROL_CHARACTER_OF_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
SURROGATE = re.compile(r"[\ud800-\udfff]")
MAX_NAME_CHARACTERS = 200
NO_NAME = "must be a string or an integer, got "
LABEL_COLUMNS = "label_columns."


class Cells(NamedTuple):
    """The cells of one input row as they were read; None if no such column is configured.

    With `dataset.label_columns`, `label` is a tuple of their cells.
    """

    text: object
    label: object = None
    id: object = None
    pair: object = None

    @classmethod
    def of(cls, cells: Mapping[str, object]) -> Self:
        """Gather cells by key of the settings: `text_column`, `label_columns.0` and so on."""
        several = tuple(cell for key, cell in cells.items() if key.startswith(LABEL_COLUMNS))
        single = {key.removesuffix("_column"): cell for key, cell in cells.items() if not key.startswith(LABEL_COLUMNS)}
        return cls(**single | ({"label": several} if several else {}))


class Fault(NamedTuple):
    """Why a row cannot be used: the column (configured name), the ledger's status, and the reason."""

    column: str
    status: LeftOut
    what: str


@dataclass(slots=True)
class Row:
    """An input row in memory; its text stays on disk.

    Args:
        part: Index of the row's file or hub split.
        number: Number of the row in that file, 1-based.
        id: Unique id, or a number if the given id cannot be used.
        label: The cell; then, by task, its label (a string, an integer or a truth value), its labels, or its number.
        text_digest: Digest of the text, or of both texts of a pair.
        faults: Reasons why the row cannot be used; empty for a usable row.
        note: Remark in the ledger for a row that was kept.
        gold: Its gold value, set when all labels are known: a class index, label indices or a number.
        unlabelled: True if it has no gold value and needs none.
        split: Empty until it is assigned.
    """

    part: int
    number: int
    id: str
    label: Any
    text_digest: bytes
    faults: list[Fault] = field(default_factory=list)
    note: str = ""
    gold: Any = None
    unlabelled: bool = False
    split: str = ""


def text_fault(text: object, column: str, max_characters: int) -> Fault | None:
    """Return why a text cannot be used, or None."""
    if text is None:
        return Fault(column, "empty", "is missing")
    if not isinstance(text, str):
        return Fault(column, "unreadable_text", f"must be text, got {kind_of(text)}")
    if found := SURROGATE.search(text) or CONTROL_CHARACTER.search(text):
        return Fault(column, "unreadable_text", _character_fault(text, found.start()))
    if not any(character.isprintable() and not character.isspace() for character in text):
        return Fault(column, "empty", "is empty" if not text else "has nothing but blanks or invisible characters")
    if len(text) > max_characters:
        what = f"has {len(text):,} characters, more than `dataset.max_characters` ({max_characters:,})"
        return Fault(column, "unreadable_text", what)
    return None


def label_fault(label: object, column: str) -> Fault | None:
    """Return why a cell cannot be a label of any class, or None."""
    what = _kind_fault(label)
    if not what and isinstance(label, str):
        what = name_fault(label) or ("has blanks around it" if label != label.strip() else "")
    if not what and len(str(label)) > MAX_NAME_CHARACTERS:
        what = _too_long(str(label))
    return Fault(column, "unreadable_label", what) if what else None


def id_fault(given: object, column: str) -> Fault | None:
    """Return why a cell cannot be an id, or None."""
    what = f"{NO_NAME}{kind_of(given)}" if isinstance(given, bool) else _kind_fault(given)
    if not what:
        text = str(given)
        what = "has nothing but blanks" if not text.strip() else name_fault(text)
        if not what and len(text) > MAX_NAME_CHARACTERS:
            what = _too_long(text)
    return Fault(column, "unreadable_text", what) if what else None


def _kind_fault(cell: object) -> str:
    if cell is None or cell == "":
        return "is missing"
    if not isinstance(cell, str | int):
        return f"{NO_NAME}{kind_of(cell)}"
    return ""


def name_fault(name: str) -> str:
    """Describe the first character of a name or token that cannot be shown; empty if there is none."""
    found = SURROGATE.search(name) or CONTROL_CHARACTER_OF_NAME.search(name)
    return _character_fault(name, found.start()) if found else ""


def _too_long(name: str) -> str:
    return f"has {len(name):,} characters, more than {MAX_NAME_CHARACTERS}"


def _character_fault(text: str, position: int) -> str:
    code = ord(text[position])
    kind = "lone surrogate" if unicodedata.category(text[position]) == "Cs" else "control character"
    return f"has the {kind} U+{code:04X} at character {position + 1}"


def kind_of(cell: object) -> str:
    """Describe the type of a cell, for messages."""
    if isinstance(cell, bool):
        return f"the truth value {str(cell).lower()}"
    if isinstance(cell, int | float | Decimal):
        return f"the number {str(cell)[:40]}"
    kinds: dict[type, str] = {list: "a list", dict: "an object", bytes: "bytes (a binary column, or no valid UTF-8)"}
    return kinds.get(type(cell), f"a {type(cell).__name__}")
