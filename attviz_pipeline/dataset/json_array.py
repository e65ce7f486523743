"""Read the elements of a JSON array one at a time, in memory for the largest element only."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from attviz_pipeline.errors import DatasetError

CHARACTERS_AT_ONCE = 2**20
BLANKS = " \t\r\n"


def iter_array(path: Path, name: str = "") -> Iterator[Any]:
    """Yield the elements of a file that contains one JSON array.

    Args:
        path: The file.
        name: Name of the file in messages; by default its path.

    Raises:
        DatasetError: The file cannot be opened, is not UTF-8, not valid JSON, or not an array.
    """
    name = name or str(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _elements(_Window(file))
    except UnicodeDecodeError:
        raise DatasetError(f"{name} is not UTF-8: save it as UTF-8.") from None
    except _MalformedError as fault:
        raise DatasetError(f"{name} is no JSON array of documents: {fault}.") from None
    except OSError as fault:
        raise DatasetError(f"{name} cannot be read: {fault.strerror}.") from None


class RepeatedKeyError(ValueError):
    """An object has the same key twice."""


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object as a dictionary; unlike Python's default, a repeated key is an error.

    Raises:
        RepeatedKeyError: A key is repeated.
    """
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise RepeatedKeyError(f"gives the key {repeated[:80]!r} twice")
    return content


class _MalformedError(ValueError):
    """The text is not a valid JSON array; the message has the problem and the character."""


class _Window:
    """The part of a file that is in memory."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._decoder = json.JSONDecoder(object_pairs_hook=unique_keys)
        self._text, self._position, self._n_before = "", 0, 0
        self._ended = False

    def next_character(self) -> str:
        """Skip blanks; return the next character without consuming it, empty at the end of the file."""
        while True:
            while self._position < len(self._text) and self._text[self._position] in BLANKS:
                self._position += 1
            if self._position < len(self._text) or self._ended:
                return self._text[self._position : self._position + 1]
            self._read(CHARACTERS_AT_ONCE)

    def expect(self, *characters: str) -> str:
        """Consume one of the given characters, and return it.

        Raises:
            _MalformedError: Something else follows.
        """
        found = self.next_character()
        if found not in characters or not found:
            raise self._malformed(f"expected {' or '.join(characters)}, found {found!r}" if found else "it ends early")
        self._position += 1
        return found

    def value(self) -> Any:  # noqa: ANN401 - any JSON
        """Read one value.

        Raises:
            _MalformedError: There is none.
        """
        self.next_character()
        while True:
            try:
                value, self._position = self._decoder.raw_decode(self._text, self._position)
            except json.JSONDecodeError as fault:
                if self._ended:
                    raise _MalformedError(f"{fault.msg} at character {self._n_before + fault.pos + 1:,}") from None
                # Double the text each time, so that repeated parsing takes linear time in total.
                self._read(max(CHARACTERS_AT_ONCE, len(self._text)))
            except RepeatedKeyError as fault:
                raise self._malformed(f"it {fault}, in the value that begins") from None
            except (RecursionError, ValueError):
                raise self._malformed("a value is nested too deeply, or a number has too many digits") from None
            else:
                return value

    def _read(self, n_characters: int) -> None:
        more = self._file.read(n_characters)
        self._n_before += self._position
        self._text, self._position = self._text[self._position :] + more, 0
        self._ended = not more

    def _malformed(self, what: str) -> _MalformedError:
        return _MalformedError(f"{what} at character {self._n_before + self._position + 1:,}")


def _elements(window: _Window) -> Iterator[Any]:
    window.expect("[")
    if window.next_character() == "]":
        window.expect("]")
    else:
        yield window.value()
        while window.expect(",", "]") == ",":
            yield window.value()
    if window.next_character():
        raise _MalformedError("something follows the array")
