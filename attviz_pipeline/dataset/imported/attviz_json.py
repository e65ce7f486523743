"""Read and check one document of AttViz's JSON, and note everything unusual about it.

The keys are those that AttViz's viewer reads (github.com/SkBlaz/attviz, public/custom/textual/textual.js):
`text`, `sets` of `tokens` and `attention_vectors` (`name`, `vectors`), `output_activations` (`name`, `value`).
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.artifacts.vector_names import EVIDENCE_NAMES
from attviz_pipeline.dataset.imported.token_places import join_pieces
from attviz_pipeline.dataset.rows import Fault, name_fault, text_fault

# Names of aggregates that users of the viewer add and save, and of series that readers of a site pin, which follow a
# name in parentheses. They are not attention.
AGGREGATE = re.compile(r"(.* \()?\d+_(mean|std|max|min|max_min|entropy|pinned|received|rollout|norm-weighted)(?(1)\))")
# Stricter than Python's float, which also reads underscores between digits, and digits of every script.
NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")


@dataclass
class ImportedDocument:
    """The readable content of a document.

    Attributes:
        text: The text. If it is the tokens joined by spaces, pieces of words are joined.
        tokens: [token].
        vectors: Self-attention, [vector, token], 0..1.
        names: Names of the vectors, [vector].
        activations: Probability by class name, in the document's order.
        faults: Reasons why the document cannot be used; empty if it can.
        oddities: Unusual properties, as phrases for the ledger.
    """

    text: str = ""
    tokens: list[str] = field(default_factory=list)
    vectors: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))
    names: list[str] = field(default_factory=list)
    activations: dict[str, float] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    oddities: list[str] = field(default_factory=list)

    def refuse(self, key: str, what: str) -> None:
        """Add a fault."""
        self.faults.append(Fault(key, "unreadable_attention", what))


def read_document(content: object, max_characters: int) -> ImportedDocument:
    """Read one element of the file's array; faults and oddities are collected, not raised."""
    document = ImportedDocument()
    if not isinstance(content, dict):
        document.refuse("(document)", f"must be an object, got {_kind(content)}")
        return document
    text = content.get("text")
    if fault := text_fault(text, "text", max_characters):
        document.faults.append(fault)
    else:
        document.text = str(text)
    n_numbers = _read_sets(document, content.get("sets")) + _read_activations(
        document, content.get("output_activations")
    )
    if n_numbers:
        document.oddities.append("numbers are written as numbers, not as strings")
    document.text, n_pieces = join_pieces(document.text, document.tokens)
    if n_pieces:
        document.oddities.append(
            f"its text is its tokens joined by spaces: {n_pieces} pieces of words (##) are joined to the token before"
        )
    return document


def _read_sets(document: ImportedDocument, sets: object) -> int:
    """Read tokens and vectors; return how many values were numbers instead of strings."""
    if not isinstance(sets, list) or not sets:
        document.refuse("sets", _missing(sets, "a list of at least one set"))
        return 0
    rows: list[NDArray[np.float64]] = []
    n_numbers = 0
    for index, content in enumerate(sets):
        key = f"sets[{index}]"
        if not isinstance(content, dict):
            document.refuse(key, f"must be an object, got {_kind(content)}")
            continue
        tokens = _read_tokens(document, content.get("tokens"), f"{key}.tokens")
        if index == 0:
            document.tokens = tokens
        elif tokens != document.tokens:
            document.refuse(f"{key}.tokens", "differ from those of the first set: make it a document of its own")
        n_numbers += _read_vectors(document, content.get("attention_vectors"), f"{key}.attention_vectors", rows)
    if not document.faults:
        document.vectors = np.array(rows, np.float32).reshape(len(rows), len(document.tokens))
    return n_numbers


def _read_tokens(document: ImportedDocument, tokens: object, key: str) -> list[str]:
    if not isinstance(tokens, list) or not tokens:
        document.refuse(key, _missing(tokens, "a list of at least one token"))
        return []
    for index, token in enumerate(tokens):
        what = name_fault(token) if isinstance(token, str) else f"must be a string, got {_kind(token)}"
        if what:
            document.refuse(f"{key}[{index}]", what)
            return []
    return tokens


def _read_vectors(document: ImportedDocument, vectors: object, key: str, rows: list[NDArray[np.float64]]) -> int:
    if not isinstance(vectors, list) or not vectors:
        document.refuse(key, _missing(vectors, "a list of at least one vector"))
        return 0
    n_numbers = 0
    for index, vector in enumerate(vectors):
        place = f"{key}[{index}]"
        values = vector.get("vectors") if isinstance(vector, dict) else None
        if not isinstance(vector, dict) or not isinstance(values, list):
            document.refuse(f"{place}.vectors", _missing(values, "a list of numbers"))
            continue
        name = str(vector.get("name", len(rows)))
        if AGGREGATE.fullmatch(name):
            document.oddities.append(f"vector {name!r} is an aggregate that the viewer saved: left out")
            continue
        if name in EVIDENCE_NAMES.values():
            document.oddities.append(f"vector {name!r} is what the prediction depends on, no attention: left out")
            continue
        row = np.array([_number(value) for value in values], np.float64)
        n_numbers += sum(not isinstance(value, str) for value in values)
        for what in _vector_faults(values, row, len(document.tokens)) or _name_faults(name):
            document.refuse(f"{place}.vectors", what)
        rows.append(row)
        document.names.append(name)
    return n_numbers


def _vector_faults(values: list[Any], row: NDArray[np.float64], n_tokens: int) -> list[str]:
    if len(values) != n_tokens and n_tokens:
        return [f"has {len(values)} values for {n_tokens} tokens"]
    bad = np.flatnonzero(~((row >= 0) & (row <= 1)))
    if not len(bad):
        return []
    more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    return [f"value {bad[0]} is {_show(values[bad[0]])}, not a number from 0 to 1{more}"]


def _name_faults(name: str) -> list[str]:
    what = name_fault(name)
    return [f"its name {what}"] if what else []


def _read_activations(document: ImportedDocument, activations: object) -> int:
    """Read the classes' probabilities; return how many were numbers instead of strings."""
    key = "output_activations"
    if not isinstance(activations, list) or not activations:
        document.refuse(key, _missing(activations, "a list of at least one class"))
        return 0
    n_numbers = 0
    for index, content in enumerate(activations):
        value = content.get("value") if isinstance(content, dict) else None
        number = _number(value)
        # The viewer uses the same default name.
        name = str(content.get("name", f"Class {index}")) if isinstance(content, dict) else ""
        if not 0 <= number <= 1:
            document.refuse(f"{key}[{index}].value", f"is {_show(value)}, not a number from 0 to 1")
        if name in document.activations or name_fault(name) or not name:
            document.refuse(f"{key}[{index}].name", f"{name[:80]!r} is empty, repeated or has unprintable characters")
        document.activations[name] = number
        n_numbers += not isinstance(value, str)
    total = math.fsum(document.activations.values())
    if not abs(total - 1) <= 1e-3 and not document.faults:
        document.oddities.append(f"its class probabilities sum to {total:.4g}")
    return n_numbers


def repeats(vectors: NDArray[np.float32]) -> Iterator[tuple[int, int]]:
    """Yield (index, earlier index) for every vector that is identical to an earlier one."""
    first: dict[bytes, int] = {}
    for index, row in enumerate(vectors):
        earlier = first.setdefault(row.tobytes(), index)
        if earlier != index:
            yield index, earlier


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return math.nan
    if isinstance(value, str) and not NUMBER.fullmatch(value):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def _missing(value: object, wanted: str) -> str:
    return f"is missing: must be {wanted}" if value is None else f"must be {wanted}, got {_kind(value)}"


def _kind(value: object) -> str:
    kinds = {list: "an empty list" if not value else "a list", dict: "an object", str: "a string", type(None): "null"}
    return kinds.get(type(value), f"the value {_show(value)}")


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
