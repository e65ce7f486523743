"""Write a JSON array to a file element by element."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def dump(content: object) -> str:
    """Write JSON on one line; NaN and infinity raise a ValueError."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False)


@contextmanager
def json_list(path: Path) -> Iterator[Callable[[object], None]]:
    """Open a file; the context is a function that appends one element per line."""
    n_written = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:

        def append(element: object) -> None:
            nonlocal n_written
            file.write(("[" if n_written == 0 else ",\n") + dump(element))
            n_written += 1

        yield append
        file.write("]\n" if n_written else "[]\n")
