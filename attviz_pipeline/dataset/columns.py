"""Find the configured columns in a table."""

import difflib
import logging
from collections.abc import Sequence
from typing import NamedTuple

from attviz_pipeline.config.settings import DatasetSettings
from attviz_pipeline.dataset.names import bare, quoted
from attviz_pipeline.errors import Problem

logger = logging.getLogger(__name__)


class Columns(NamedTuple):
    """Names of a table's columns by key of the settings, and the problems of missing columns."""

    names: dict[str, str]
    problems: list[Problem]


def find_columns(settings: DatasetSettings, there: Sequence[str], where: str) -> Columns:
    """Find the configured columns of text and label, and of ids and second texts if configured.

    If only one column has a name that differs by surrounding blanks, invisible characters or Unicode form alone, it is
    used, with a warning.

    Args:
        settings: The section `dataset`.
        there: Names of the table's columns.
        where: Name of the file or the split, for messages.
    """
    found, problems = {}, []
    for key, name in settings.columns.items():
        near = [name] if name in there else [column for column in there if bare(column) == bare(name)]
        if len(near) == 1 and there.count(near[0]) == 1:
            found[key] = near[0]
        else:
            problems.append(Problem(where, _fault(key, name, near, there)))
    if not problems:
        _warn_of_other_spelling(settings, found, where)
    return Columns(found, problems)


def _fault(key: str, name: str, near: Sequence[str], there: Sequence[str]) -> str:
    if len(near) == 1:
        return f"names column {quoted(name)} twice (`dataset.{key}`): rename one of them in the file"
    if near:
        return f"has no column {quoted(name)} (`dataset.{key}`), but {' and '.join(map(quoted, near))}: rename one"
    return f"has no column {quoted(name)} (`dataset.{key}`); {_there(name, there)}"


def _there(name: str, columns: Sequence[str]) -> str:
    by_lower = {bare(column).casefold(): column for column in columns}
    same = by_lower.get(bare(name).casefold())
    near = [same] if same is not None else difflib.get_close_matches(name, columns, n=1)
    hint = f"did you mean {quoted(near[0])}? " if near else ""
    shown = ", ".join(quoted(column[:60]) for column in columns[:20])
    return f"{hint}there are {shown}{' and more' if len(columns) > 20 else ''}"


def _warn_of_other_spelling(settings: DatasetSettings, found: dict[str, str], where: str) -> None:
    wanted = settings.columns
    if changed := [f"{quoted(found[key])} as {name}" for key, name in wanted.items() if found[key] != name]:
        logger.warning("%s: names of columns have blanks or invisible characters: read %s", where, ", ".join(changed))
