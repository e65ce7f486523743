"""Which column of a table is the one that the study names."""

import difflib
import logging
from collections.abc import Sequence
from typing import NamedTuple

from attviz_pipeline.config.settings import DatasetSettings
from attviz_pipeline.dataset.names import bare, quoted
from attviz_pipeline.errors import Problem

logger = logging.getLogger(__name__)


class Columns(NamedTuple):
    """Names in a table by field of `Cells`, and what is wrong with those that are not there."""

    names: dict[str, str]
    problems: list[Problem]


def find_columns(settings: DatasetSettings, there: Sequence[str], where: str) -> Columns:
    """Find the configured columns of text and label, and of ids and second texts if there are any.

    A column whose name differs only by blanks or invisible characters around it, or by its Unicode form, is taken with
    a warning, if it is the only one.

    Args:
        settings: The section `dataset`.
        there: Names of the table's columns.
        where: The file or the split, for messages.
    """
    found, problems = {}, []
    for key, name in settings.columns.items():
        near = [name] if name in there else [column for column in there if bare(column) == bare(name)]
        if len(near) == 1 and there.count(near[0]) == 1:
            found[key.removesuffix("_column")] = near[0]
        else:
            problems.append(Problem(where, _fault(key, name, near, there)))
    if not problems:
        _warn_of_other_spelling(settings, found, where)
    return Columns(found, problems)


def _fault(key: str, name: str, near: Sequence[str], there: Sequence[str]) -> str:
    if len(near) == 1:
        return f"names column {quoted(name)} twice (`dataset.{key}`): rename one of them in the file"
    if near:
        return f"has no column {quoted(name)} (`dataset.{key}`), but {' and '.join(map(quoted, near))}: write one so"
    return f"has no column {quoted(name)} (`dataset.{key}`); {_there(name, there)}"


def _there(name: str, columns: Sequence[str]) -> str:
    by_lower = {bare(column).casefold(): column for column in columns}
    same = by_lower.get(bare(name).casefold())
    near = [same] if same is not None else difflib.get_close_matches(name, columns, n=1)
    hint = f"did you mean {quoted(near[0])}? " if near else ""
    shown = ", ".join(quoted(column[:60]) for column in columns[:20])
    return f"{hint}there are {shown}{' and more' if len(columns) > 20 else ''}"


def _warn_of_other_spelling(settings: DatasetSettings, found: dict[str, str], where: str) -> None:
    wanted = {field: getattr(settings, f"{field}_column") for field in found}
    if changed := [f"{quoted(found[field])} as {name}" for field, name in wanted.items() if found[field] != name]:
        logger.warning("%s: names of columns have blanks or invisible characters: read %s", where, ", ".join(changed))
